import { bytesOf, messageOf } from '../../lib/sqs/message.ts';
import { fabricated } from '../environment.ts';

test('an event in the spelling of SendMessage: attributes of any name and type, message group and trace', () => {
  const record = {
    ...fabricated('aé票🎫', { MessageGroupId: 'g', AWSTraceHeader: 'Root=1' }),
    messageAttributes: {
      né: { dataType: 'String', stringValue: '票', stringListValues: [], binaryListValues: [] },
      count: { dataType: 'Number.int', stringValue: '7' },
      blob: { dataType: 'Binary.gz', binaryValue: Buffer.from([0, 255]).toString('base64') },
      empty: { dataType: 'Binary', binaryValue: '' },
      ...JSON.parse('{"__proto__":{"dataType":"String","stringValue":"x"}}'),
    },
  };
  const message = messageOf(record);
  expect(message).toStrictEqual({
    body: 'aé票🎫',
    attributes: Object.fromEntries([
      ['né', { DataType: 'String', StringValue: '票' }],
      ['count', { DataType: 'Number.int', StringValue: '7' }],
      ['blob', { DataType: 'Binary.gz', BinaryValue: Buffer.from([0, 255]) }],
      ['empty', { DataType: 'Binary', BinaryValue: Buffer.alloc(0) }],
      ['__proto__', { DataType: 'String', StringValue: 'x' }],
    ]),
    groupId: 'g',
    traceHeader: 'Root=1',
  });
  // In UTF-8: the body, and of each attribute name, type and value.
  const [body, né, count, blob, empty, proto] = [10, 3 + 6 + 3, 5 + 10 + 1, 4 + 9 + 2, 5 + 6, 9 + 6 + 1];
  expect(bytesOf(message)).toBe(body + né + count + blob + empty + proto);
});

test('what a message does not have is absent', () => {
  expect(messageOf(fabricated('x'))).toStrictEqual({ body: 'x', attributes: {} });
});
