// The command line runs under Node 20 too. Imported for what it does, before anything else.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

// The AWS SDK's advice is for who chose its version, not for the person on call.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';

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
