// Secrets Manager, SSM and STS in the way the credentials' tests speak of them.
import type { AwsAnswer, AwsCall } from '../local/aws/call.ts';
import { type Intercept, startAws } from '../local/aws/endpoint.ts';

export type Fault = (request: AwsCall) => AwsAnswer | 'hang' | 'reset' | undefined;

export const startAwsStores = async () => {
  const aws = await startAws();
  return {
    url: aws.url,
    /** By the secret's id or the parameter's name; every `set` makes a new version. */
    secrets: aws.secrets,
    sts: aws.sts,
    requests: aws.calls,
    /** Answers in the store's place where it gives something. */
    set fault(fault: Fault | undefined) {
      aws.intercept = fault && ((call, forward) => fault(call) ?? forward());
    },
    set intercept(intercept: Intercept) {
      aws.intercept = intercept;
    },
    close: aws.close,
  };
};
