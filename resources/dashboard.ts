// The dashboard of one stage: the product's own numbers first, then the queues and the function, then the log.
import { failureCodes } from '../lib/failure.ts';

// Left for `Fn::Sub`: the template says where it is deployed.
const REGION = `\${AWS::Region}`;

const GREEN = '#2ca02c';
const LIGHT_GREEN = '#98df8a';
const ORANGE = '#ff7f0e';
const RED = '#d62728';

/** What the log line `batch.settled` counts by outcome. */
const OUTCOMES = ['marked', 'superseded', 'unfinished', ...failureCodes];

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

/** The metrics of one thing: each by its name, and how it is drawn. */
const metricsOf =
  (namespace: string, dimension: string, value: string) =>
  (metric: string, options: object): Metric => [namespace, metric, dimension, value, options];

/** Widgets side by side, as wide as 24 columns allow. */
const row = (y: number, height: number, widgets: object[]) => {
  const width = 24 / widgets.length;
  return widgets.map((widget, index) => ({ ...widget, x: index * width, y, width, height }));
};

const HEADER = (name: string, stage: string) => `## ${name}
Receipts become read messages at Huawei Cloud. Something red? \`npx read-receipt-relay doctor --stage ${stage}\` says \
what is wrong with the set-up, \`npx read-receipt-relay list --stage ${stage}\` why receipts died; docs/runbook.md has \
the rest. The tables and graphs at the bottom are Logs Insights queries: open one there to change it.`;

/**
 * The dashboard's body, for `Fn::Sub`.
 *
 * @param name service and stage: the metrics' dimension, and what every resource's name begins with
 */
export const dashboard = (name: string, stage: string): string => {
  const own = metricsOf('ReadReceiptRelay', 'service', name);
  const receipts = metricsOf('AWS/SQS', 'QueueName', `${name}-receipts`);
  const letters = metricsOf('AWS/SQS', 'QueueName', `${name}-dead-letters`);
  const lambda = metricsOf('AWS/Lambda', 'FunctionName', `${name}-mark-as-read`);
  const log = (title: string, view: string, query: string) => ({
    type: 'log',
    properties: {
      title,
      region: REGION,
      view,
      query: `SOURCE '/aws/lambda/${name}-mark-as-read' | ${query}`,
    },
  });
  /** Sums of `batch.settled`, over time. */
  const sums = (fields: string[]) =>
    `filter message = "batch.settled" | stats ${fields.map(field => `sum(${field}) as ${field}_`).join(', ')} by bin(5m)`;
  const numbers = { view: 'singleValue', setPeriodToTimeRange: true, sparkline: true };

  const widgets = [
    ...row(0, 3, [{ type: 'text', properties: { markdown: HEADER(name, stage) } }]),
    ...row(3, 4, [
      graph('Marked as read', [own('Marked', { label: 'receipts', color: GREEN })], numbers),
      graph(
        'Came late',
        [
          own('Superseded', { label: 'superseded', color: LIGHT_GREEN }),
          own('LateUnchecked', { label: 'could not tell', color: ORANGE }),
        ],
        numbers,
      ),
      graph(
        'Dead letters waiting',
        [
          letters('ApproximateNumberOfMessagesVisible', { id: 'visible', visible: false }),
          letters('ApproximateNumberOfMessagesNotVisible', { id: 'hidden', visible: false }),
          [{ expression: 'visible + hidden', label: 'dead letters', color: RED }],
        ],
        { view: 'singleValue', stat: 'Maximum' },
      ),
      graph(
        'Oldest receipt not settled',
        [own('OldestUnsettledAge', { label: 'seconds', stat: 'Maximum' })],
        { view: 'singleValue' },
      ),
    ]),
    ...row(7, 7, [
      graph('Receipts and calls', [
        own('Marked', { label: 'marked', color: GREEN }),
        own('Superseded', { label: 'superseded', color: LIGHT_GREEN }),
        own('DeadLettered', { label: 'dead letters written', color: RED }),
        own('Calls', { label: 'calls to Huawei Cloud' }),
      ]),
      graph(
        'Lag from reading to marked',
        ['p50', 'p90', 'p99'].map(stat => own('ReadLag', { stat, label: stat })),
        { yAxis: { left: { min: 0, label: 'milliseconds', showUnits: false } } },
      ),
    ]),
    ...row(14, 6, [
      graph(
        'Queue',
        [
          receipts('ApproximateNumberOfMessagesVisible', { label: 'waiting' }),
          receipts('ApproximateNumberOfMessagesNotVisible', { label: 'in flight or backing off' }),
          receipts('NumberOfMessagesSent', { label: 'sent', stat: 'Sum' }),
        ],
        { stat: 'Maximum' },
      ),
      graph(
        'Dead-letter queue',
        [
          letters('ApproximateNumberOfMessagesVisible', { label: 'waiting' }),
          letters('ApproximateNumberOfMessagesNotVisible', { label: 'hidden by a look' }),
        ],
        { stat: 'Maximum' },
      ),
      graph('Trouble', [
        own('Unauthorized', { label: 'credentials refused', color: RED }),
        own('Misconfigured', { label: 'refused by the gateway', color: '#67000d' }),
        own('BreakerOpened', { label: 'breaker opened', color: ORANGE }),
      ]),
      graph('Function', [
        lambda('Invocations', { label: 'batches' }),
        lambda('Errors', { label: 'errors', color: RED }),
        lambda('Throttles', { label: 'throttles', color: ORANGE }),
        lambda('Duration', { label: 'longest, ms', stat: 'Maximum', yAxis: 'right' }),
      ]),
    ]),
    ...row(20, 6, [
      log('Receipts by outcome', 'bar', sums(OUTCOMES)),
      log(
        'What a batch counts',
        'timeSeries',
        sums(['receipts', 'marks', 'coalesced', 'calls', 'throttles', 'log_ins', 'log_ins_refused']),
      ),
    ]),
    ...row(26, 6, [
      log(
        'Last receipts that were not marked',
        'table',
        `fields @timestamp, message, code, detail, case_id, attempt, request_id, message_id | filter message in ["receipt.dead_lettered", "receipt.delayed", "receipt.left"] | sort @timestamp desc | limit 50`,
      ),
      log(
        'Last superseded receipts',
        'table',
        `fields @timestamp, message, case_id, coalesce(bound, shadow.bound) as read_up_to, coalesce(newer, shadow.newer) as newer_message | filter ispresent(newer_message) | sort @timestamp desc | limit 50`,
      ),
    ]),
  ];
  return JSON.stringify({ widgets });
};
