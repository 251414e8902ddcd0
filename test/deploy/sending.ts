// Receipts that come by SNS and EventBridge, with the settings that docs/sending.md names.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import { SNS } from '@aws-sdk/client-sns';
import { OWNER, REGION } from './aws.ts';
import { eventually, type Report } from './report.ts';
import type { Deployed } from './stack.ts';

const TEMPLATE = new URL('senders.yml', import.meta.url);

/** What the queue's policy has to say for a topic or a rule to send to it. */
const allow = (Sid: string, Service: string, sources: string[], Resource: string) => ({
  Sid,
  Effect: 'Allow',
  Principal: { Service },
  Action: 'sqs:SendMessage',
  Resource,
  Condition: { ArnEquals: { 'aws:SourceArn': sources } },
});

/** Deploys the senders' stack and lets it send; gives its outputs, and how to take all back. */
const addSenders = async ({ aws, out, name }: Deployed) => {
  const StackName = `${name}-senders`;
  const before = await aws.sqs.getQueueAttributes({ QueueUrl: out.QueueUrl, AttributeNames: ['Policy'] });
  await aws.cloudFormation.createStack({
    StackName,
    TemplateBody: await readFile(TEMPLATE, 'utf8'),
    Parameters: [{ ParameterKey: 'QueueArn', ParameterValue: out.QueueArn }],
  });
  const made = await eventually('the senders', async () => {
    const { Stacks = [] } = await aws.cloudFormation.describeStacks({ StackName });
    assert.doesNotMatch(Stacks[0]?.StackStatus ?? '', /FAILED|ROLLBACK/);
    return Stacks[0]?.StackStatus === 'CREATE_COMPLETE' && Stacks[0].Outputs;
  });
  const arn = (key: string) => made.find(({ OutputKey }) => OutputKey === key)?.OutputValue ?? '';
  const policy = JSON.parse(before.Attributes?.Policy ?? '{}');
  policy.Statement.push(
    allow('FromTopics', 'sns.amazonaws.com', [arn('RawTopicArn'), arn('TopicArn')], out.QueueArn),
    allow(
      'FromRules',
      'events.amazonaws.com',
      [arn('DetailRuleArn'), arn('TransformedRuleArn')],
      out.QueueArn,
    ),
  );
  const setPolicy = (Policy = '') =>
    aws.sqs.setQueueAttributes({ QueueUrl: out.QueueUrl, Attributes: { Policy } });
  await setPolicy(JSON.stringify(policy));
  const remove = async () => {
    await setPolicy(before.Attributes?.Policy);
    await aws.cloudFormation.deleteStack({ StackName });
  };
  return { arn, remove };
};

export const checkEnvelopes = async (stack: Deployed, report: Report) => {
  const { aws, huawei, emulator } = stack;
  await report.check(
    'receipts by SNS, raw or not, and by EventBridge, whole or transformed, are marked',
    async () => {
      const { arn, remove } = await addSenders(stack);
      const ca = await readFile(emulator.certificate, 'utf8');
      const sns = new SNS({
        endpoint: emulator.endpoint,
        region: REGION,
        credentials: OWNER,
        requestHandler: { httpsAgent: new Agent({ ca }) },
      });
      const put = (Source: string, DetailType: string, detail: object) =>
        aws.callAs(OWNER, {
          service: 'events',
          target: 'AWSEvents.PutEvents',
          body: { Entries: [{ Source, DetailType, Detail: JSON.stringify(detail) }] },
        });
      const ways = ['sns-raw', 'sns', 'eventbridge', 'eventbridge-transformed'];
      for (const way of ways) huawei.osm.addCase(way, { group: 'team-of-senders' });
      const receipt = (case_id: string) => ({ case_id, group_id: 'team-of-senders' });
      try {
        await sns.publish({ TopicArn: arn('RawTopicArn'), Message: JSON.stringify(receipt('sns-raw')) });
        await sns.publish({ TopicArn: arn('TopicArn'), Message: JSON.stringify(receipt('sns')) });
        await put('desk.receipts', 'read', receipt('eventbridge'));
        const ticket = { ticket: { id: 'eventbridge-transformed' }, team: 'team-of-senders' };
        await put('desk.tickets', 'messages-read', ticket);
        await eventually('all of them read at Huawei Cloud', async () =>
          ways.every(way => huawei.osm.unread(way) === 0),
        );
      } finally {
        sns.destroy();
        await remove();
      }
      return ways.join(', ');
    },
  );
};
