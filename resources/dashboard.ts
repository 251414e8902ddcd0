// The dashboard of one stage: the product's own numbers first, then the queues, then the function.

const NAMESPACE = 'ReadReceiptRelay';

// Left for `Fn::Sub`: the template says where it is deployed.
const REGION = `\${AWS::Region}`;

/** The outcomes, worst last, so that green lies at the bottom of the stack. */
const OUTCOMES = {
  Marked: '#2ca02c',
  Superseded: '#98df8a',
  Unfinished: '#7f7f7f',
  RateLimited: '#bcbd22',
  Unavailable: '#ffbb78',
  Unreachable: '#ff9f40',
  Timeout: '#ff7f0e',
  Malformed: '#c5b0d5',
  Invalid: '#9467bd',
  Rejected: '#e377c2',
  Forbidden: '#8c564b',
  Failed: '#d62728',
  Unauthorized: '#a50f15',
  Misconfigured: '#67000d',
};

type Metric = (string | object)[];

const graph = (title: string, metrics: Metric[], options: object = {}) => ({
  type: 'metric',
  properties: {
    title,
    metrics,
    region: REGION,
    view: 'timeSeries',
    stat: 'Sum',
    period: 60,
    yAxis: { left: { min: 0 } },
    ...options,
  },
});

/** Widgets side by side, as wide as 24 columns allow. */
const row = (y: number, height: number, widgets: object[]) => {
  const width = 24 / widgets.length;
  return widgets.map((widget, index) => ({ ...widget, x: index * width, y, width, height }));
};

const HEADER = (name: string) => `## ${name}
Receipts become read messages at Huawei Cloud. Something red? \`npx relay status --stage …\`, then \
\`npx relay list --stage …\`; \`npx relay doctor --stage …\` says what is wrong with the set-up.`;

/**
 * The dashboard's body, for `Fn::Sub`.
 *
 * @param name service and stage: the metrics' dimension, and what every resource's name begins with
 */
export const dashboard = (name: string): string => {
  const own = (metric: string, options: object): Metric => [NAMESPACE, metric, 'service', name, options];
  const queue = (metric: string, which: string, options: object): Metric => [
    'AWS/SQS',
    metric,
    'QueueName',
    `${name}-${which}`,
    options,
  ];
  const lambda = (metric: string, options: object): Metric => [
    'AWS/Lambda',
    metric,
    'FunctionName',
    `${name}-mark-as-read`,
    options,
  ];
  const percentiles = (metric: string) =>
    ['p50', 'p90', 'p99'].map(stat => own(metric, { stat, label: stat }));
  const numbers = { view: 'singleValue', setPeriodToTimeRange: true, sparkline: true };
  const logGroup = `/aws/lambda/${name}-mark-as-read`;

  const widgets = [
    ...row(0, 2, [{ type: 'text', properties: { markdown: HEADER(name) } }]),
    ...row(2, 4, [
      graph('Marked as read', [own('Marked', { label: 'receipts', color: OUTCOMES.Marked })], numbers),
      graph('Calls saved by coalescing', [own('Coalesced', { label: 'calls' })], numbers),
      graph(
        'Dead letters waiting',
        [
          queue('ApproximateNumberOfMessagesVisible', 'dead-letters', { id: 'visible', visible: false }),
          queue('ApproximateNumberOfMessagesNotVisible', 'dead-letters', { id: 'held', visible: false }),
          [{ expression: 'visible + held', label: 'dead letters', color: OUTCOMES.Failed }],
        ],
        { view: 'singleValue', stat: 'Maximum' },
      ),
      graph(
        'Oldest receipt not settled',
        [own('OldestUnsettledAge', { label: 'seconds', stat: 'Maximum' })],
        {
          view: 'singleValue',
        },
      ),
    ]),
    ...row(6, 7, [
      graph(
        'Receipts by outcome',
        Object.entries(OUTCOMES).map(([metric, color]) => own(metric, { label: metric, color })),
        { stacked: true },
      ),
      graph('Lag from reading to marked', percentiles('ReadLag'), {
        yAxis: { left: { min: 0, label: 'milliseconds', showUnits: false } },
      }),
    ]),
    ...row(13, 6, [
      graph('Receipts and calls', [
        own('Receipts', { label: 'receipts taken' }),
        own('Calls', { label: 'calls to Huawei Cloud' }),
        own('Coalesced', { label: 'calls saved' }),
        own('LateUnchecked', { label: 'late, marked without a look' }),
        own('Throttles', { label: '429 from the gateway', color: OUTCOMES.RateLimited }),
        own('DeadLettered', { label: 'dead letters written', color: OUTCOMES.Failed }),
      ]),
      graph('Log-ins and the breaker', [
        own('LogIns', { label: 'log-ins' }),
        own('LogInsRefused', { label: 'log-ins refused', color: OUTCOMES.Failed }),
        own('BreakerOpened', { label: 'breaker opened', color: OUTCOMES.Timeout }),
      ]),
      graph('Time a batch takes', percentiles('BatchDuration'), {
        yAxis: { left: { min: 0, label: 'milliseconds', showUnits: false } },
      }),
    ]),
    ...row(19, 6, [
      graph(
        'Queue',
        [
          queue('ApproximateNumberOfMessagesVisible', 'receipts', { label: 'waiting' }),
          queue('ApproximateNumberOfMessagesNotVisible', 'receipts', { label: 'taken or backing off' }),
          queue('NumberOfMessagesSent', 'receipts', { label: 'sent', stat: 'Sum' }),
        ],
        { stat: 'Maximum' },
      ),
      graph(
        'Dead-letter queue',
        [
          queue('ApproximateNumberOfMessagesVisible', 'dead-letters', { label: 'waiting' }),
          queue('ApproximateNumberOfMessagesNotVisible', 'dead-letters', { label: 'held by someone' }),
        ],
        { stat: 'Maximum' },
      ),
      graph('Function', [
        lambda('Invocations', { label: 'batches' }),
        lambda('Errors', { label: 'errors', color: OUTCOMES.Failed }),
        lambda('Throttles', { label: 'throttles', color: OUTCOMES.Timeout }),
        lambda('ConcurrentExecutions', { label: 'at once', stat: 'Maximum' }),
      ]),
    ]),
    ...row(25, 6, [
      {
        type: 'log',
        properties: {
          title: 'Last receipts that were not marked',
          region: REGION,
          view: 'table',
          query: `SOURCE '${logGroup}' | fields @timestamp, message, code, detail, case_id, attempt, request_id, message_id
| filter message in ["receipt.dead_lettered", "receipt.delayed", "receipt.left"] | sort @timestamp desc | limit 50`,
        },
      },
    ]),
  ];
  return JSON.stringify({ widgets });
};
