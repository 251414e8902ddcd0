// What SQS, the SDK and the network say, made into a value once.
import { explain, lineOf, sqsErrorOf } from '../../lib/sqs/errors.ts';

const URL_ = 'https://sqs.eu-west-1.amazonaws.com/123456789012/letters';
const answered = (name: string, message: string, httpStatusCode = 400) =>
  Object.assign(new Error(message), { name, $metadata: { httpStatusCode } });
const system = (code: string) => Object.assign(new Error(`connect ${code} 127.0.0.1:9`), { code });

const lasts = { isLasting: true };
const open = { mayHaveHappened: true };
test.each<[words: RegExp, thrown: unknown, expected: object]>([
  [/refused: KmsThrottled: slow\.$/, { Id: '0', Code: 'KmsThrottled', Message: 'slow' }, {}],
  [/refused: Unknown\.$/, { Id: '0' }, { code: 'Unknown', message: '' }],
  [/refused/, 'something that is no error', { code: 'Unknown' }],
  [/no clear answer/, answered('ServiceUnavailable', 'later', 503), { code: 'ServiceUnavailable', ...open }],
  [/no clear answer: Status502: what/, answered('Error', 'what', 502), { code: 'Status502', ...open }],
  [/may not do this with https.*\(no\)/, answered('AccessDenied', 'no'), lasts],
  [/there is no queue https/, answered('QueueDoesNotExist', 'no'), lasts],
  [/credentials have expired/, answered('ExpiredTokenException', 'no'), lasts],
  [/does not accept these credentials/, answered('InvalidClientTokenId', 'no'), lasts],
  [/no AWS credentials/, Object.assign(new Error('no'), { name: 'CredentialsProviderError' }), lasts],
  [/connection refused/, system('ECONNREFUSED'), lasts],
  [/connection refused/, new AggregateError([system('ECONNREFUSED')], ''), lasts],
  [/has no address/, system('ENOTFOUND'), lasts],
  [/AWS_REGION/, new Error('Region is missing'), { code: 'RegionMissing', ...lasts }],
  [/certificate/, system('CERT_HAS_EXPIRED'), lasts],
  [/gave no clear answer: ECONNRESET/, system('ECONNRESET'), open],
  [/no clear answer/, new DOMException('late', 'TimeoutError'), { code: 'TimeoutError', ...open }],
])('%s', (words, thrown, expected) => {
  const error = sqsErrorOf(thrown);
  expect(error).toMatchObject({ isLasting: false, mayHaveHappened: false, ...expected });
  expect(explain(error, URL_)).toMatch(words);
});

test('who may not do what stays readable, what AWS repeats of a signature does not', () => {
  const role =
    'arn:aws:sts::123456789012:assumed-role/read-receipt-relay-prod-eu-west-1-lambdaRole/read-receipt-relay';
  const key = 'arn:aws:kms:eu-west-1:123456789012:key/0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f';
  const denied = answered(
    'AccessDenied',
    `User: ${role} is not authorized to perform: kms:Decrypt on ${key}`,
  );
  expect(explain(sqsErrorOf(denied), URL_)).toContain(`User: ${role} is`);
  expect(lineOf(sqsErrorOf(denied))).toContain(key);
  const token = `${'IQoJb3JpZ2luX2VjEJ'.repeat(5)}==`;
  const wrong = answered(
    'SignatureDoesNotMatch',
    `x-amz-security-token:${token}\nUser: ${role} Token=${token}`,
  );
  expect(sqsErrorOf(wrong).message).not.toContain(token.slice(0, 45));
  expect(sqsErrorOf(wrong).message).toContain(role);
});
