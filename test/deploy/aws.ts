import assert from 'node:assert/strict';
import { CloudFormation } from '@aws-sdk/client-cloudformation';
import { CloudWatchLogs } from '@aws-sdk/client-cloudwatch-logs';
import { IAM } from '@aws-sdk/client-iam';
import { Lambda } from '@aws-sdk/client-lambda';
import { SecretsManager } from '@aws-sdk/client-secrets-manager';
import { SQS } from '@aws-sdk/client-sqs';
import aws4 from 'aws4';
import { isObject, parseJson } from '../../lib/json.ts';

export const REGION = 'eu-west-1';
export const ACCOUNT = '000000000000';
/** The emulator's account owner: everything is allowed. */
export const OWNER = { accessKeyId: 'test', secretAccessKey: 'test' };

export interface Keys {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

export interface Call {
  service: string;
  /** JSON services: `AmazonSQS.SendMessage` and the like. */
  target?: string;
  body?: object;
  /** Query services, such as STS. */
  form?: Record<string, string>;
  headers?: Record<string, string>;
}

export const sqsCall = (verb: string, QueueUrl: string, body: object = {}): Call => ({
  service: 'sqs',
  target: `AmazonSQS.${verb}`,
  body: { QueueUrl, ...body },
});

export const ssmCall = (verb: string, Name: string, body: object = {}): Call => ({
  service: 'ssm',
  target: `AmazonSSM.${verb}`,
  body: { Name, ...body },
});

/** Clients of the account owner, and the few verbs that the checks are told in. */
export const connect = (endpoint: string) => {
  const options = { endpoint, region: REGION, credentials: OWNER };
  const sqs = new SQS(options);
  const logs = new CloudWatchLogs(options);
  const lambda = new Lambda(options);
  const iam = new IAM(options);

  /** One call of whoever holds these keys, also where it is refused. */
  const callAs = async (keys: Keys, { service, target, body = {}, form, headers }: Call) => {
    const request = {
      host: new URL(endpoint).host,
      service,
      region: REGION,
      method: 'POST',
      path: '/',
      headers: target ? { 'Content-Type': 'application/x-amz-json-1.0', 'X-Amz-Target': target } : {},
      body: form ? `${new URLSearchParams(form)}` : JSON.stringify(body),
    };
    const signed = aws4.sign(request, keys).headers as Record<string, string>;
    const { method, body: sent } = request;
    const answer = await fetch(endpoint, { method, headers: { ...signed, ...headers }, body: sent });
    return { status: answer.status, body: await answer.text() };
  };

  return {
    /** For a client that others make. */
    options,
    cloudFormation: new CloudFormation(options),
    secrets: new SecretsManager(options),
    sqs,
    logs,
    lambda,
    iam,
    callAs,

    /** A call that the owner makes without a client: what was answered. */
    async call(call: Call): Promise<string> {
      const { status, body } = await callAs(OWNER, call);
      assert.equal(status, 200, body);
      return body;
    },

    /** Keys of a new user who has the rights of one policy, and no others. */
    async createUser(UserName: string, PolicyArn: string): Promise<Keys> {
      await iam.createUser({ UserName });
      await iam.attachUserPolicy({ UserName, PolicyArn });
      const { AccessKey } = await iam.createAccessKey({ UserName });
      return {
        accessKeyId: AccessKey?.AccessKeyId ?? '',
        secretAccessKey: AccessKey?.SecretAccessKey ?? '',
      };
    },

    /** @returns the messages' ids */
    send: (QueueUrl: string, ...bodies: (object | string)[]): Promise<string[]> =>
      Promise.all(
        bodies.map(async body => {
          const MessageBody = typeof body === 'string' ? body : JSON.stringify(body);
          const MessageAttributes = { origin: { DataType: 'String', StringValue: 'web' } };
          const { MessageId } = await sqs.sendMessage({ QueueUrl, MessageBody, MessageAttributes });
          return MessageId ?? '';
        }),
      ),

    /** How many messages a queue holds, visible or not. */
    async depth(QueueUrl: string): Promise<number> {
      const { Attributes = {} } = await sqs.getQueueAttributes({ QueueUrl, AttributeNames: ['All'] });
      const { ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible } = Attributes;
      return Number(ApproximateNumberOfMessages) + Number(ApproximateNumberOfMessagesNotVisible);
    },

    /** The JSON among what a function has logged: log lines and metrics. */
    async logLines(functionName: string): Promise<Record<string, unknown>[]> {
      const lines: unknown[] = [];
      let nextToken: string | undefined;
      do {
        const page = await logs.filterLogEvents({ logGroupName: `/aws/lambda/${functionName}`, nextToken });
        const printed = (page.events ?? []).flatMap(({ message = '' }) => message.split('\n'));
        lines.push(...printed.map(line => parseJson(line.slice(line.indexOf('{')))));
        nextToken = page.nextToken;
      } while (nextToken);
      return lines.filter(isObject);
    },

    async invoke(FunctionName: string, payload: object): Promise<{ failed: boolean; result: unknown }> {
      const answer = await lambda.invoke({ FunctionName, Payload: JSON.stringify(payload) });
      const text = Buffer.from(answer.Payload ?? []).toString();
      return { failed: answer.FunctionError !== undefined, result: parseJson(text) };
    },
  };
};

export type Aws = ReturnType<typeof connect>;
