import { readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { root } from '../local/serverless.ts';
import type { Goal, Result } from './scenario.ts';
import { digits } from './stats.ts';

/** Of what is in the bundles, ours and the peers'. */
const IN_BUNDLES = /^(@middy|@aws-lambda-powertools|zod|esbuild)\b|^@aws-sdk\/client-secrets-manager$/;

const contentsOf = (folder: string) =>
  JSON.parse(readFileSync(path.join(root, folder, 'package.json'), 'utf8'));

const versions = (): string => {
  const { dependencies, devDependencies } = contentsOf('.');
  const names = Object.keys({ ...dependencies, ...devDependencies }).filter(name => IN_BUNDLES.test(name));
  return names.map(name => `${name} ${contentsOf(`node_modules/${name}`).version}`).join(', ');
};

const table = (columns: string[], rows: string[][]): string =>
  [columns, columns.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n');

const goalRow = ({ title }: Result, [what, value, is, limit]: Goal): string[] => [
  title.replace(/[:(].*/s, '').trim(),
  what,
  digits(value),
  `${is} ${limit}`,
  (is === '≤' ? value <= limit : value >= limit) ? 'met' : '**missed**',
];

export const goalsOf = (results: Result[]): string =>
  table(
    ['scenario', 'what', 'measured', 'goal', ''],
    results.flatMap(result => result.goals.map(goal => goalRow(result, goal))),
  );

export const sectionOf = ({ title, columns, rows, notes }: Result): string =>
  [`## ${title}`, table(columns, rows), ...notes].join('\n\n');

/** The class of the machine; its name is nobody's business. */
const machine = (): string => {
  const [cpu] = os.cpus();
  const memory = Math.round(os.totalmem() / 2 ** 30);
  return `${cpu?.model.trim()}, ${os.availableParallelism()} cores, ${memory} GB, ${os.type()} ${process.arch}, Node ${process.version}`;
};

/** The results as a page, goals first. */
export const reportOf = (results: Result[], rounds: number): string =>
  `${[
    '# The bench: beside what one would write instead',
    `Written by \`npm run bench\`, ${new Date().toISOString().slice(0, 10)}, ${rounds} rounds. ${machine()}.`,
    '![Cold start, CPU and memory beside the peers](results.svg)',
    '## Goals',
    goalsOf(results),
    '## How to read it',
    'The packaged bundle of mark-as-read stands beside (a) Middy with its partial-batch and secrets middleware, zod and `fetch`, and (b) Powertools’ batch processor with its parser, parameters, logger, metrics and `fetch`. They stand in `bench/peers/`, written as their documentation recommends and bundled with our settings. All read the same secret over HTTP, log in at the same stand-in for Huawei Cloud and mark the same receipts, each in a process of its own; secret store, stand-in and queues are in the process of the bench, so that their CPU counts for nobody.',
    'A ratio (ours ÷ theirs) says more than a number: it moves little from machine to machine. Values are medians over the rounds, which go through all in turn; in brackets the least and the most. CPU is user and system time of the whole process, compiler and garbage collector included. Memory is the most the process ever held. Our rate limit is lifted (`MAX_REQUESTS_PER_SECOND`), else it would be the only thing measured. Ours writes a log line for every receipt and so does (b); (a) writes none.',
    ...results.map(sectionOf),
    '## Versions',
    versions(),
  ].join('\n\n')}\n`;
