import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';

const receipt = { case_id: '8f5a2c1e9b7d4e60', group_id: '5f0c31b2a4', read_at: new Date().toISOString() };
await new SQSClient().send(
  new SendMessageCommand({ QueueUrl: process.env.QUEUE_URL, MessageBody: JSON.stringify(receipt) }),
);
