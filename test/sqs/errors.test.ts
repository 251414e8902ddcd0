// What SQS, the SDK and the network say, made into a value once.
import { explain, lineOf, sqsErrorOf } from '../../lib/sqs/errors.ts';

const URL_ = 'https://sqs.eu-west-1.amazonaws.com/123456789012/letters';
const answered = (name: string, message: string, httpStatusCode = 400) =>
  Object.assign(new Error(message), { name, $metadata: { httpStatusCode } });
const system = (code: string) => Object.assign(new Error(`connect ${code} 127.0.0.1:9`), { code });

test.each<[string, unknown, object, RegExp]>([
  [
    'an entry of Failed',
    { Id: '0', Code: 'KmsThrottled', Message: 'slow' },
    {},
    /refused: KmsThrottled: slow/,
  ],
  ['an entry without words', { Id: '0' }, { code: 'Unknown', message: '' }, /refused: Unknown\./],
  ['an answer', answered('ServiceUnavailable', 'later', 503), { code: 'ServiceUnavailable' }, /refused/],
  [
    'an answer without a name',
    answered('Error', 'what', 502),
    { code: 'Status502' },
    /refused: Status502: what/,
  ],
  [
    'no permission',
    answered('AccessDenied', 'no'),
    { isLasting: true },
    /may not do this with https.*\(no\)/,
  ],
  ['no such queue', answered('QueueDoesNotExist', 'no'), { isLasting: true }, /there is no queue https/],
  ['nobody listens', system('ECONNREFUSED'), { isLasting: true }, /connection refused/],
  [
    'nobody of several',
    new AggregateError([system('ECONNREFUSED')], ''),
    { isLasting: true },
    /connection refused/,
  ],
  ['no such host', system('ENOTFOUND'), { isLasting: true }, /has no address/],
  ['no region', new Error('Region is missing'), { code: 'RegionMissing', isLasting: true }, /AWS_REGION/],
  ['a certificate', system('CERT_HAS_EXPIRED'), { isLasting: true }, /certificate/],
  ['a broken connection', system('ECONNRESET'), { mayHaveHappened: true }, /gave no answer: ECONNRESET/],
  [
    'no answer in time',
    new DOMException('late', 'TimeoutError'),
    { code: 'TimeoutError', mayHaveHappened: true },
    /no answer/,
  ],
  ['something that is no error', 'odd', { code: 'Unknown' }, /refused/],
])('%s', (_, thrown, expected, words) => {
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
