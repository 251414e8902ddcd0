import { readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { CloudFormation } from '@aws-sdk/client-cloudformation';
import { CloudWatch } from '@aws-sdk/client-cloudwatch';
import { CloudWatchLogs } from '@aws-sdk/client-cloudwatch-logs';
import { IAM } from '@aws-sdk/client-iam';
import { Lambda } from '@aws-sdk/client-lambda';
import { SecretsManager } from '@aws-sdk/client-secrets-manager';
import { type Message, SQS } from '@aws-sdk/client-sqs';
import { type Caller, type SignedCall, signedCall } from './signed-call.ts';

export const REGION = 'eu-west-1';
/** The emulator's account owner: everything is allowed. */
export const OWNER = { accessKeyId: 'test', secretAccessKey: 'test' };

/** The environment of a command that runs against the emulator. */
export const commandEnv = (endpoint: string, certificate: string): NodeJS.ProcessEnv => ({
  PATH: process.env.PATH,
  HOME: process.env.HOME,
  AWS_ENDPOINT_URL: endpoint,
  AWS_REGION: REGION,
  AWS_ACCESS_KEY_ID: OWNER.accessKeyId,
  AWS_SECRET_ACCESS_KEY: OWNER.secretAccessKey,
  NODE_EXTRA_CA_CERTS: certificate,
});

export interface LogLine {
  message?: string;
  message_id?: string;
  case_id?: string;
  code?: string;
  reason?: string;
  [field: string]: unknown;
}

/** Clients of the account owner, and the few verbs that the checks are told in. */
export const connect = (endpoint: string, certificate: string) => {
  const ca = readFileSync(certificate, 'utf8');
  const options = {
    endpoint,
    region: REGION,
    credentials: OWNER,
    requestHandler: { httpsAgent: new Agent({ ca, keepAlive: true }) },
  };
  const sqs = new SQS(options);
  const logs = new CloudWatchLogs(options);
  const lambda = new Lambda(options);
  const iam = new IAM(options);

  return {
    /** For a client that others make. */
    options,
    /** One call of whoever holds these keys. */
    callAs: (keys: Caller['keys'], call: SignedCall) =>
      signedCall({ endpoint, region: REGION, keys, ca }, call),
    cloudFormation: new CloudFormation(options),
    cloudWatch: new CloudWatch(options),
    secrets: new SecretsManager(options),
    sqs,
    logs,
    lambda,
    iam,

    async send(QueueUrl: string, ...bodies: (object | string)[]): Promise<string[]> {
      const sent = bodies.map(async body => {
        const MessageBody = typeof body === 'string' ? body : JSON.stringify(body);
        return (await sqs.sendMessage({ QueueUrl, MessageBody })).MessageId ?? '';
      });
      return Promise.all(sent);
    },

    /** Takes up to ten messages, for good. */
    async take(QueueUrl: string): Promise<Message[]> {
      const { Messages = [] } = await sqs.receiveMessage({
        QueueUrl,
        MaxNumberOfMessages: 10,
        MessageAttributeNames: ['All'],
        MessageSystemAttributeNames: ['All'],
      });
      for (const { ReceiptHandle } of Messages) await sqs.deleteMessage({ QueueUrl, ReceiptHandle });
      return Messages;
    },

    /** How many messages a queue holds, visible or not. */
    async depth(QueueUrl: string): Promise<number> {
      const { Attributes = {} } = await sqs.getQueueAttributes({ QueueUrl, AttributeNames: ['All'] });
      const { ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible } = Attributes;
      return Number(ApproximateNumberOfMessages) + Number(ApproximateNumberOfMessagesNotVisible);
    },

    /** Everything a function has logged, as text. */
    async logText(functionName: string): Promise<string[]> {
      const lines: string[] = [];
      let nextToken: string | undefined;
      do {
        const page = await logs.filterLogEvents({ logGroupName: `/aws/lambda/${functionName}`, nextToken });
        for (const { message } of page.events ?? []) lines.push(message ?? '');
        nextToken = page.nextToken;
      } while (nextToken);
      return lines;
    },

    /** The JSON among it: log lines and metrics. */
    async logLines(functionName: string): Promise<LogLine[]> {
      return (await this.logText(functionName)).flatMap(text =>
        text.split('\n').flatMap(line => {
          try {
            return [JSON.parse(line.slice(line.indexOf('{')))];
          } catch {
            return [];
          }
        }),
      );
    },

    async invoke(FunctionName: string, payload: object): Promise<{ failed: boolean; result: unknown }> {
      const answer = await lambda.invoke({ FunctionName, Payload: JSON.stringify(payload) });
      const text = Buffer.from(answer.Payload ?? []).toString();
      return { failed: answer.FunctionError !== undefined, result: text ? JSON.parse(text) : undefined };
    },

    /**
     * Sets variables of a function beside those it has; the next invocation is a cold start.
     *
     * @returns how to set them back
     */
    async configure(FunctionName: string, variables: Record<string, string>): Promise<() => Promise<void>> {
      const { Environment } = await lambda.getFunctionConfiguration({ FunctionName });
      const before = Environment?.Variables ?? {};
      const set = async (Variables: Record<string, string>) => {
        await lambda.updateFunctionConfiguration({ FunctionName, Environment: { Variables } });
      };
      await set({ ...before, ...variables });
      return () => set(before);
    },
  };
};

export type Aws = ReturnType<typeof connect>;
