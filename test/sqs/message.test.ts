import { bytesOf, type Message, messageOf } from '../../lib/sqs/message.ts';
import { fabricated } from '../environment.ts';

const attributesOf = (messageAttributes: object) =>
  messageOf({ ...fabricated('x'), messageAttributes: messageAttributes as never }).attributes;

test("an event's attributes in the spelling of SendMessage, and no empty lists", () => {
  expect(
    attributesOf({
      text: { dataType: 'String', stringValue: 'é', stringListValues: [], binaryListValues: [] },
      count: { dataType: 'Number.int', stringValue: '7' },
      blob: { dataType: 'Binary.gz', binaryValue: Buffer.from([0, 255]).toString('base64') },
    }),
  ).toEqual({
    text: { DataType: 'String', StringValue: 'é' },
    count: { DataType: 'Number.int', StringValue: '7' },
    blob: { DataType: 'Binary.gz', BinaryValue: Buffer.from([0, 255]) },
  });
});

test('an empty binary value is one', () => {
  expect(attributesOf({ blob: { dataType: 'Binary', binaryValue: '' } })).toEqual({
    blob: { DataType: 'Binary', BinaryValue: Buffer.alloc(0) },
  });
});

test('an attribute of any name', () => {
  expect(
    Object.keys(attributesOf(JSON.parse('{"__proto__":{"dataType":"String","stringValue":"x"}}'))),
  ).toEqual(['__proto__']);
});

test('message group and trace travel, where there are any', () => {
  expect(messageOf(fabricated('x', { MessageGroupId: 'g', AWSTraceHeader: 'Root=1' }))).toEqual({
    body: 'x',
    attributes: {},
    groupId: 'g',
    traceHeader: 'Root=1',
  });
  expect(messageOf(fabricated('x'))).toStrictEqual({ body: 'x', attributes: {} });
});

test.each<[string, Message, number]>([
  ['a body, in UTF-8', { body: 'aé票🎫', attributes: {} }, 1 + 2 + 3 + 4],
  [
    'name, type and value of a text',
    { body: '', attributes: { né: { DataType: 'String', StringValue: '票' } } },
    12,
  ],
  [
    'name, type and bytes of a binary',
    { body: '', attributes: { b: { DataType: 'Binary', BinaryValue: new Uint8Array(5) } } },
    12,
  ],
  ['not the group, not the trace', { body: '', attributes: {}, groupId: 'g', traceHeader: 't' }, 0],
])('size counts %s', (_, message, bytes) => {
  expect(bytesOf(message)).toBe(bytes);
});
