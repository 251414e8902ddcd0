// Setup file: records everything that is written to standard output and error, and by console.
// Lines of JSON (logs and metrics) are kept from the screen: thousands of them would hide the results.
import { format } from 'node:util';
import { record } from './printed.ts';

for (const stream of [process.stdout, process.stderr]) {
  const write = stream.write.bind(stream);
  stream.write = ((chunk: string | Uint8Array, ...rest: []) => {
    const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
    record(text);
    return text.startsWith('{') || write(chunk, ...rest);
  }) as typeof stream.write;
}

for (const method of ['log', 'info', 'warn', 'error', 'debug'] as const) {
  const print = console[method].bind(console);
  console[method] = (...given: unknown[]) => {
    record(`${format(...given)}\n`);
    print(...given);
  };
}
