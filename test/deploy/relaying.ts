// What the deployed function does with receipts, over the real event source mapping.
import assert from 'node:assert/strict';
import { isObject, parseJson } from '../../lib/json.ts';
import { ssmCall } from './aws.ts';
import { eventually, type Report } from './report.ts';
import type { Deployed } from './stack.ts';

export const PASSWORD = 'right-password';
export const SECOND_PASSWORD = 'second-password';
export const secretOf = (password: string) =>
  JSON.stringify({ type: 'password', domain: 'acme', user: 'relay', password });

export const markedAll = ({ huawei }: Pick<Deployed, 'huawei'>, caseIds: string[]) =>
  eventually(`${caseIds.join(', ')} read at Huawei Cloud`, async () =>
    caseIds.every(id => huawei.osm.unread(id) === 0),
  );

/** The first log line of each of these messages with this event, in their order. */
const logged = ({ aws, out }: Deployed, event: string, messageIds: string[]) =>
  eventually(`${event} logged for all`, async () => {
    const lines = (await aws.logLines(out.MarkAsReadFunctionName)).filter(({ message }) => message === event);
    const first = messageIds.map(id => lines.find(({ message_id }) => message_id === id));
    const found = first.filter(line => line !== undefined);
    return found.length === messageIds.length && found;
  });

const checkMarking = (stack: Deployed, report: Report) =>
  report.check('receipts on the queue become read cases at Huawei Cloud', async () => {
    const { aws, huawei, out } = stack;
    const caseIds = ['case-1', 'case-2', 'a/b ü?', 'case-of-team'];
    for (const id of caseIds) huawei.osm.addCase(id, id === 'case-of-team' ? { group: 'team-1' } : {});
    await aws.send(
      out.QueueUrl,
      { case_id: 'case-1', read_at: new Date().toISOString() },
      { Type: 'Notification', Message: JSON.stringify({ case_id: 'case-2', language: 'en-us' }) },
      { 'detail-type': 'Read', detail: { case_id: 'a/b ü?' } },
      { specversion: '1.0', data: { case_id: 'case-of-team', group_id: 'team-1' } },
    );
    await markedAll(stack, caseIds);
    await eventually('the queue empty', async () => (await aws.depth(out.QueueUrl)) === 0);
    return 'bare and in three envelopes';
  });

/** What is wrong with each, by the code of its dead letter. */
const LETTERS = {
  malformed: 'not JSON',
  invalid: '{"case_id":""}',
  rejected: '{"case_id":"no-such-case"}',
  forbidden: '{"case_id":"of-another-group"}',
};

const checkDeadLetters = (stack: Deployed, report: Report) =>
  report.check('what is at fault itself becomes a dead letter that says why', async () => {
    const { aws, huawei, out } = stack;
    huawei.osm.addCase('of-another-group', { group: 'team-2' });
    await aws.send(out.QueueUrl, ...Object.values(LETTERS));
    const found = new Map<unknown, string>();
    await eventually('a dead letter of each', async () => {
      const { Messages = [] } = await aws.sqs.receiveMessage({
        QueueUrl: out.DeadLetterQueueUrl,
        MaxNumberOfMessages: 10,
        MessageAttributeNames: ['All'],
        // They stay in the queue, for a replay.
        VisibilityTimeout: 1,
      });
      for (const { Body = '', MessageAttributes = {} } of Messages) {
        const failure = parseJson(MessageAttributes.failure?.StringValue ?? '');
        assert.ok(isObject(failure) && failure.detail && failure.attempts && failure.first_received_at);
        const names = ['failure', 'failure_code', 'origin', 'replays'];
        assert.deepEqual(Object.keys(MessageAttributes).sort(), names);
        found.set(MessageAttributes.failure_code?.StringValue, Body);
      }
      return found.size === Object.keys(LETTERS).length;
    });
    assert.deepEqual(Object.fromEntries(found), LETTERS);
    return Object.keys(LETTERS).join(', ');
  });

const checkBackOff = (stack: Deployed, report: Report) =>
  report.check('what is not its fault comes back after a back-off, and is marked then', async () => {
    const { aws, huawei, out } = stack;
    const times = 1;
    huawei.faults.add({ does: 'retry_after', after: 2, match: { caseId: 'later-429' }, times });
    huawei.faults.add({ does: 'html502', match: { caseId: 'later-502' }, times });
    huawei.faults.add({ does: 'answer', status: 403, match: { caseId: 'later-403' }, times });
    huawei.faults.add({ does: 'hang', match: { caseId: 'later-hang' }, times });
    const caseIds = ['later-429', 'later-502', 'later-403', 'later-hang'];
    for (const id of caseIds) huawei.osm.addCase(id);
    const ids = await aws.send(out.QueueUrl, ...caseIds.map(case_id => ({ case_id })));
    const codes = (await logged(stack, 'receipt.delayed', ids)).map(({ code }) => code);
    assert.deepEqual(codes, ['rate_limited', 'unavailable', 'misconfigured', 'timeout']);
    await markedAll(stack, caseIds);
    return codes.join(', ');
  });

const checkRotation = (stack: Deployed, report: Report) =>
  report.check('a password that was changed is picked up by itself, and no account is locked', async () => {
    const { aws, huawei, out, name, refusalsName } = stack;
    huawei.osm.addCase('rotated');
    const refusedBefore = huawei.iam.failedLogIns;
    huawei.iam.setPassword(SECOND_PASSWORD);
    const ids = await aws.send(out.QueueUrl, { case_id: 'rotated' });
    const [line] = await logged(stack, 'receipt.delayed', ids);
    assert.equal(line?.code, 'unauthorized');
    await aws.secrets.putSecretValue({ SecretId: name, SecretString: secretOf(SECOND_PASSWORD) });
    await markedAll(stack, ['rotated']);
    const refused = huawei.iam.failedLogIns - refusedBefore;
    assert.ok(refused <= 2, `${refused} refused log-ins`);
    assert.match(await aws.call(ssmCall('GetParameter', refusalsName)), /refused_at/);
    return `${refused} refused log-in, remembered in ${refusalsName}`;
  });

export const checkRelaying = async (stack: Deployed, report: Report) => {
  await checkMarking(stack, report);
  await checkDeadLetters(stack, report);
  await checkBackOff(stack, report);
  await checkRotation(stack, report);
};

export const checkLogs = (stack: Deployed, report: Report) =>
  report.check('`serverless logs` shows what happened, no secret, and no call that was refused', async () => {
    const logsOf = (name: string) => stack.serverless('logs', '-f', name, '--startTime', '1h');
    const said = await logsOf('mark-as-read');
    for (const event of ['receipt.marked', 'receipt.delayed', 'receipt.dead_lettered', 'batch.settled']) {
      assert.ok(said.includes(event), `no ${event} in the logs`);
    }
    const tokens = new Set(stack.huawei.requests.flatMap(({ headers }) => headers['x-auth-token'] ?? []));
    for (const secret of [PASSWORD, SECOND_PASSWORD, ...tokens]) {
      assert.ok(!said.includes(secret), 'a password or token is in the logs');
    }
    assert.doesNotMatch(said + (await logsOf('replay')), /AccessDenied/);
    return `${said.split('\n').length} lines, ${tokens.size} tokens and 2 passwords looked for`;
  });
