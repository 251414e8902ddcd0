// What the deployed function does with receipts, over the real event source mapping.
import assert from 'node:assert/strict';
import { OWNER } from './aws.ts';
import { eventually, type Report } from './report.ts';
import type { Deployed } from './stack.ts';

export const PASSWORD = 'right-password';
export const SECOND_PASSWORD = 'second-password';
export const secretOf = (password: string) =>
  JSON.stringify({ type: 'password', domain: 'acme', user: 'relay', password });

const markedAll = ({ huawei }: Deployed, caseIds: string[], withinMs = 30_000) =>
  eventually(
    `${caseIds.join(', ')} read at Huawei Cloud`,
    async () => caseIds.every(id => huawei.osm.unread(id) === 0),
    withinMs,
  );

/** The dead letters of these messages, by message id; they stay in the queue. */
const lettersOf = async ({ aws, out }: Deployed, messageIds: string[]) => {
  const found = new Map<
    string,
    { body: string; code: string; failure: Record<string, unknown>; names: string[] }
  >();
  await eventually(`${messageIds.length} dead letters`, async () => {
    const { Messages = [] } = await aws.sqs.receiveMessage({
      QueueUrl: out.DeadLetterQueueUrl,
      MaxNumberOfMessages: 10,
      MessageAttributeNames: ['All'],
      VisibilityTimeout: 1,
    });
    for (const { Body = '', MessageAttributes = {} } of Messages) {
      const failure = JSON.parse(MessageAttributes.failure?.StringValue ?? '{}');
      found.set(failure.source_message_id, {
        body: Body,
        code: MessageAttributes.failure_code?.StringValue ?? '',
        failure,
        names: Object.keys(MessageAttributes).sort(),
      });
    }
    return messageIds.every(id => found.has(id));
  });
  return found;
};

/** The log line of each of these messages with this event, by message id. */
const logged = ({ aws, out }: Deployed, event: string, messageIds: string[]) =>
  eventually(`${event} logged for all`, async () => {
    const lines = (await aws.logLines(out.MarkAsReadFunctionName)).filter(({ message }) => message === event);
    const byId = new Map(lines.map(line => [line.message_id ?? '', line]));
    return messageIds.every(id => byId.has(id)) && byId;
  });

export const checkMarking = async (stack: Deployed, report: Report) => {
  const { aws, huawei, out } = stack;
  await report.check('receipts on the queue become read cases at Huawei Cloud', async () => {
    for (const id of ['case-1', 'case-2', 'a/b ü?']) huawei.osm.addCase(id, { unread: 2 });
    huawei.osm.addCase('case-of-team', { group: 'team-1' });
    const receipts = [
      { case_id: 'case-1', read_at: new Date().toISOString() },
      { Type: 'Notification', Message: JSON.stringify({ case_id: 'case-2', language: 'en-us' }) },
      { 'detail-type': 'Read', detail: { case_id: 'a/b ü?' } },
      { specversion: '1.0', data: { case_id: 'case-of-team', group_id: 'team-1' } },
    ];
    await aws.send(out.QueueUrl, ...receipts);
    await markedAll(stack, ['case-1', 'case-2', 'a/b ü?', 'case-of-team']);
    await eventually('the queue empty', async () => (await aws.depth(out.QueueUrl)) === 0);
    return `${receipts.length} receipts, bare and in three envelopes`;
  });
};

export const checkDeadLetters = async (stack: Deployed, report: Report) => {
  const { aws, huawei, out } = stack;
  await report.check('what is at fault itself becomes a dead letter that says why', async () => {
    huawei.osm.addCase('of-another-group', { group: 'team-2' });
    const MessageAttributes = { origin: { DataType: 'String', StringValue: 'web' } };
    const cases: [string, string][] = [
      ['malformed', 'not JSON'],
      ['invalid', '{"case_id":""}'],
      ['rejected', '{"case_id":"no-such-case"}'],
      ['forbidden', '{"case_id":"of-another-group"}'],
    ];
    const sent = cases.map(async ([code, MessageBody]) => {
      const { MessageId = '' } = await aws.sqs.sendMessage({
        QueueUrl: out.QueueUrl,
        MessageBody,
        MessageAttributes,
      });
      return { code, MessageBody, MessageId };
    });
    const messages = await Promise.all(sent);
    const letters = await lettersOf(
      stack,
      messages.map(({ MessageId }) => MessageId),
    );
    for (const { code, MessageBody, MessageId } of messages) {
      const letter = letters.get(MessageId);
      assert.equal(letter?.code, code);
      assert.equal(letter?.body, MessageBody);
      assert.deepEqual(letter?.names, ['failure', 'failure_code', 'origin', 'replays']);
      assert.equal(letter?.failure.code, code);
      for (const field of ['detail', 'attempts', 'first_received_at', 'dead_lettered_at']) {
        assert.ok(letter?.failure[field], `failure.${field} is missing for ${code}`);
      }
    }
    return messages.map(({ code }) => code).join(', ');
  });

  await report.check('what is not its fault comes back after a back-off, and is marked then', async () => {
    huawei.faults.add({ does: 'retry_after', after: 2, match: { caseId: 'later-429' }, times: 1 });
    huawei.faults.add({ does: 'html502', match: { caseId: 'later-502' }, times: 1 });
    huawei.faults.add({ does: 'answer', status: 403, match: { caseId: 'later-403' }, times: 1 });
    huawei.faults.add({ does: 'hang', match: { caseId: 'later-hang' }, times: 1 });
    const expected = {
      'later-429': 'rate_limited',
      'later-502': 'unavailable',
      'later-403': 'misconfigured',
      'later-hang': 'timeout',
    };
    const caseIds = Object.keys(expected);
    for (const id of caseIds) huawei.osm.addCase(id);
    const ids = await aws.send(out.QueueUrl, ...caseIds.map(case_id => ({ case_id })));
    const lines = await logged(stack, 'receipt.delayed', ids);
    assert.deepEqual(
      ids.map(id => lines.get(id)?.code),
      Object.values(expected),
    );
    await markedAll(stack, caseIds);
    return Object.values(expected).join(', ');
  });

  await report.check(
    'patience has an end: MAX_ATTEMPTS for failed, MAX_AGE_SECONDS for the service',
    async () => {
      const struck = [
        huawei.faults.add({ does: 'error_code', code: 'OSM.99', match: { caseId: 'odd' } }),
        huawei.faults.add({ does: 'html502', match: { caseId: 'old' } }),
      ];
      huawei.osm.addCase('odd');
      huawei.osm.addCase('old');
      const restore = await aws.configure(out.MarkAsReadFunctionName, {
        MAX_ATTEMPTS: '2',
        MAX_AGE_SECONDS: '2',
      });
      try {
        const ids = await aws.send(out.QueueUrl, { case_id: 'odd' }, { case_id: 'old' });
        const letters = await lettersOf(stack, ids);
        assert.deepEqual(
          ids.map(id => letters.get(id)?.code),
          ['failed', 'unavailable'],
        );
        assert.deepEqual(
          ids.map(id => letters.get(id)?.failure.attempts),
          [2, 2],
        );
      } finally {
        await restore();
        for (const fault of struck) fault.remove();
      }
      return 'failed and unavailable, at the second receive';
    },
  );
};

export const checkOutage = async (stack: Deployed, report: Report) => {
  const { aws, huawei, out } = stack;
  await report.check(
    'an outage is survived: nothing lost, nothing dead-lettered, few calls made',
    async () => {
      const letters = await aws.depth(out.DeadLetterQueueUrl);
      const caseIds = Array.from({ length: 40 }, (_, index) => `outage-${index}`);
      for (const id of caseIds) huawei.osm.addCase(id);
      const outage = huawei.faults.add({ does: 'answer', status: 503, match: { kind: 'mark' } });
      const ids = await aws.send(out.QueueUrl, ...caseIds.map(case_id => ({ case_id })));
      await logged(stack, 'receipt.delayed', ids);
      const calls = outage.hits;
      assert.ok(
        calls < caseIds.length,
        `${calls} calls for ${caseIds.length} receipts: the breaker did not open`,
      );
      outage.remove();
      await markedAll(stack, caseIds, 60_000);
      assert.equal(await aws.depth(out.DeadLetterQueueUrl), letters);
      return `${caseIds.length} receipts, ${calls} calls while it lasted`;
    },
  );
};

export const checkRotation = async (stack: Deployed, report: Report) => {
  const { aws, huawei, out, secretName, refusalsName } = stack;
  await report.check(
    'a password that was changed is picked up by itself, and no account is locked',
    async () => {
      huawei.osm.addCase('rotated');
      const refusedBefore = huawei.iam.failedLogIns;
      huawei.iam.setPassword('relay', SECOND_PASSWORD);
      const ids = await aws.send(out.QueueUrl, { case_id: 'rotated' });
      const lines = await logged(stack, 'receipt.delayed', ids);
      assert.equal(lines.get(ids[0] ?? '')?.code, 'unauthorized');
      await aws.secrets.putSecretValue({ SecretId: secretName, SecretString: secretOf(SECOND_PASSWORD) });
      await markedAll(stack, ['rotated'], 60_000);
      const refused = huawei.iam.failedLogIns - refusedBefore;
      assert.ok(refused <= 2, `${refused} refused log-ins`);
      const { body } = await aws.callAs(OWNER, {
        service: 'ssm',
        target: 'AmazonSSM.GetParameter',
        body: { Name: refusalsName },
      });
      assert.match(
        JSON.parse(body).Parameter.Value,
        /"refused_at":/,
        'it is not remembered for all instances',
      );
      return `${refused} refused log-in, remembered in ${refusalsName}`;
    },
  );
};

export const checkLogs = async (stack: Deployed, report: Report) => {
  const { aws, huawei, out } = stack;
  await report.check(
    '`serverless logs` shows what happened, no secret, and no call that was refused',
    async () => {
      const said = await stack.serverless('logs', '-f', 'mark-as-read', '--startTime', '1h');
      for (const event of ['receipt.marked', 'receipt.delayed', 'receipt.dead_lettered', 'batch.settled']) {
        assert.ok(said.includes(event), `no ${event} in the logs`);
      }
      const tokens = huawei.requests.flatMap(({ headers }) => headers['x-auth-token'] ?? []);
      for (const secret of new Set([PASSWORD, SECOND_PASSWORD, ...tokens.flat()])) {
        assert.ok(!said.includes(secret), 'a password or token is in the logs');
      }
      const refused = [out.MarkAsReadFunctionName, out.ReplayFunctionName].map(async name =>
        assert.doesNotMatch(
          (await aws.logText(name)).join('\n'),
          /AccessDenied/,
          `${name} was refused a call`,
        ),
      );
      await Promise.all(refused);
      return `${said.split('\n').length} lines, ${new Set(tokens).size} tokens and 2 passwords looked for`;
    },
  );
};
