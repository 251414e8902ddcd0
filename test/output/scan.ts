// Global teardown: fails the run where any test file's output holds a secret that the file declared.
import { globSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { leaksIn } from './printed.ts';

const linesOf = async (file: string) =>
  (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean);

export default async () => {
  const folder = process.env.OUTPUT_FOLDER as string;
  const leaks: string[] = [];
  for (const name of globSync('*.printed', { cwd: folder })) {
    const printed = await readFile(path.join(folder, name), 'utf8');
    const secrets = await linesOf(path.join(folder, name.replace('.printed', '.secrets')));
    leaks.push(...leaksIn(printed, new Set(secrets.map(line => JSON.parse(line)))));
  }
  await rm(folder, { recursive: true });
  if (leaks.length > 0) throw new Error(`The tests printed ${leaks.length} secrets: ${leaks.join(', ')}`);
};
