// CloudFormation and Lambda as far as the command line asks them about a deployed stage.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

interface Stage {
  queueUrl: string;
  deadLetterQueueUrl: string;
  /** The function's environment, which who replays may not be allowed to read. */
  variables?: Record<string, string> | 'denied';
  /** What the function answers, or throws. */
  invoke?: (event: unknown) => Promise<unknown>;
}

const member = (inside: string) => `<member>${inside}</member>`;

/** A stack called read-receipt-relay-prod; give `environment` to whoever is to find it. */
export const startStage = async ({ queueUrl, deadLetterQueueUrl, variables = {}, invoke }: Stage) => {
  const asked: string[] = [];
  const outputs = {
    QueueUrl: queueUrl,
    DeadLetterQueueUrl: deadLetterQueueUrl,
    MarkAsReadFunctionName: 'read-receipt-relay-prod-mark-as-read',
  };
  const members = Object.entries(outputs).map(([key, value]) =>
    member(`<OutputKey>${key}</OutputKey><OutputValue>${value}</OutputValue>`),
  );
  const server = createServer(async (request, response) => {
    const body = await text(request);
    if (request.url === '/') {
      if (
        body.includes('StackName=read-receipt-relay-prod&') ||
        body.endsWith('StackName=read-receipt-relay-prod')
      )
        return response.end(
          `<DescribeStacksResponse><DescribeStacksResult><Stacks>${member(`<Outputs>${members.join('')}</Outputs>`)}</Stacks></DescribeStacksResult></DescribeStacksResponse>`,
        );
      response.statusCode = 400;
      return response.end(
        '<ErrorResponse><Error><Code>ValidationError</Code><Message>Stack does not exist</Message></Error></ErrorResponse>',
      );
    }
    if (request.method === 'GET') {
      response.statusCode = variables === 'denied' ? 403 : 200;
      if (variables === 'denied') response.setHeader('x-amzn-errortype', 'AccessDeniedException');
      return response.end(
        JSON.stringify(
          variables === 'denied' ? { Message: 'not you' } : { Environment: { Variables: variables } },
        ),
      );
    }
    asked.push(`${request.url} ${body}`);
    const answer = await (invoke ?? (async () => ({})))(JSON.parse(body)).catch(({ message }: Error) => {
      response.setHeader('X-Amz-Function-Error', 'Unhandled');
      return { errorType: 'Error', errorMessage: message };
    });
    return response.end(JSON.stringify(answer));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    /** The function's invocations: path and event. */
    asked,
    environment: { AWS_ENDPOINT_URL_CLOUDFORMATION: url, AWS_ENDPOINT_URL_LAMBDA: url },
    async close() {
      server.close();
      server.closeAllConnections();
    },
  };
};
