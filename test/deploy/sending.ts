// Receipts that come by SNS and EventBridge, with the settings that docs/sending.md names.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { ACCOUNT, REGION } from './aws.ts';
import { markedAll } from './relaying.ts';
import { eventually, type Report } from './report.ts';
import type { Deployed } from './stack.ts';

const TEMPLATE = new URL('senders.yml', import.meta.url);

export const checkSenders = (stack: Deployed, report: Report) =>
  report.check(
    'receipts by SNS, raw or not, and by EventBridge, whole or transformed, are marked',
    async () => {
      const { aws, huawei, out, name } = stack;
      const StackName = `${name}-senders`;
      await aws.cloudFormation.createStack({
        StackName,
        TemplateBody: await readFile(TEMPLATE, 'utf8'),
        Parameters: [
          { ParameterKey: 'QueueArn', ParameterValue: out.QueueArn },
          { ParameterKey: 'QueueUrl', ParameterValue: out.QueueUrl },
        ],
      });
      await eventually('the senders', async () => {
        const { Stacks = [] } = await aws.cloudFormation.describeStacks({ StackName });
        assert.doesNotMatch(Stacks[0]?.StackStatus ?? '', /FAILED|ROLLBACK/);
        return Stacks[0]?.StackStatus === 'CREATE_COMPLETE';
      });

      const publish = (topic: string, receipt: object) => {
        const TopicArn = `arn:aws:sns:${REGION}:${ACCOUNT}:${topic}`;
        const Message = JSON.stringify(receipt);
        return aws.call({
          service: 'sns',
          form: { Action: 'Publish', Version: '2010-03-31', TopicArn, Message },
        });
      };
      const put = (Source: string, DetailType: string, detail: object) =>
        aws.call({
          service: 'events',
          target: 'AWSEvents.PutEvents',
          body: { Entries: [{ Source, DetailType, Detail: JSON.stringify(detail) }] },
        });
      const ways = ['sns-raw', 'sns', 'eventbridge', 'eventbridge-transformed'];
      for (const way of ways) huawei.osm.addCase(way, { group: 'team-of-senders' });
      const receipt = (case_id: string) => ({ case_id, group_id: 'team-of-senders' });
      await publish('senders-raw', receipt('sns-raw'));
      await publish('senders', receipt('sns'));
      await put('desk.receipts', 'read', receipt('eventbridge'));
      const ticket = { ticket: { id: 'eventbridge-transformed' }, team: 'team-of-senders' };
      await put('desk.tickets', 'messages-read', ticket);
      await markedAll(stack, ways);
      await aws.cloudFormation.deleteStack({ StackName });
      return ways.join(', ');
    },
  );
