// Global setup: the folder that keeps what the whole run prints.
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

export default async () => {
  process.env.OUTPUT_FOLDER = await mkdtemp(path.join(tmpdir(), 'read-receipt-relay-output-'));
};
