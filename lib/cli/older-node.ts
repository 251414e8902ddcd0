// The command line runs under Node 20 too. Imported for what it does, before anything else.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

// The AWS SDK's advice is for who chose its version, not for the person on call.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';

// Newer than Node 20, and used by the rooms that the functions share with the command line.
Promise.withResolvers ??= <T>() => {
  const settle = {} as Pick<PromiseWithResolvers<T>, 'resolve' | 'reject'>;
  const promise = new Promise<T>((resolve, reject) => Object.assign(settle, { resolve, reject }));
  return { promise, ...settle };
};
Map.groupBy ??= <K, T>(items: Iterable<T>, keyOf: (item: T, index: number) => K) => {
  const groups = new Map<K, T[]>();
  let index = 0;
  for (const item of items) {
    const key = keyOf(item, index++);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
};

// Node 20 has JSON.rawJSON and a reviver's source, which a repair needs, behind a flag for contexts that are yet to be.
if (!Object.hasOwn(JSON, 'rawJSON')) {
  setFlagsFromString('--harmony-json-parse-with-source');
  const newer: typeof JSON = runInNewContext('JSON');
  const { parse } = JSON;
  Object.assign(JSON, {
    rawJSON: newer.rawJSON,
    isRawJSON: newer.isRawJSON,
    parse: (text: string, reviver?: Parameters<typeof newer.parse>[1]) => {
      // What is no JSON is told by this context, whose errors are the ones that others know.
      const value = parse(text);
      if (!reviver) return value;
      try {
        return newer.parse(text, reviver);
      } catch (error) {
        // All that is left to go wrong: it is nested too deep.
        throw new RangeError('JSON is nested too deep', { cause: error });
      }
    },
  });
}
