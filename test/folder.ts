import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Call it once in a test file: a folder for the file, empty at its beginning. */
export const useFolder = (): string => {
  const folder = mkdtempSync(path.join(tmpdir(), 'read-receipt-relay-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  return folder;
};
