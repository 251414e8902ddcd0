// docs/operating.md and what lies beside it say what the code says.
import { readFileSync } from 'node:fs';
import { loadConfig } from '../lib/config.ts';
import { metricUnits } from '../lib/telemetry.ts';
import { PARAMS } from '../resources/params.ts';
import { readSettings } from '../resources/settings.ts';

const read = (file: string) => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');
const text = read('docs/operating.md');

/** The rows of the table under a heading row, cell by cell, without back quotes. */
const table = (heading: string): string[][] => {
  const [, rest = ''] = text.split(`| ${heading} |`);
  const rows = rest.split('\n').slice(2);
  return rows
    .slice(0, rows.indexOf(''))
    .map(row => row.split('|').slice(1, -1))
    .map(cells => cells.map(cell => cell.replaceAll('`', '').trim()));
};

test('the table of params names all that a stage file may hold, with their defaults', () => {
  const rows = table('param | by default | meaning');
  const names = rows.flatMap(([names = '']) => names.split(', '));
  expect(names.sort()).toEqual(PARAMS.filter(name => !['change', 'removeAnyway'].includes(name)).sort());
  const { settings } = readSettings({ service: 'read-receipt-relay', stage: 'STAGE', region: 'x' }, {});
  const defaults = new Map(rows.map(([name, value]) => [name, value]));
  expect(defaults.get('credentialsFrom')).toBe(settings.credentialsFrom);
  expect(defaults.get('deadLetterThreshold')).toBe(`${settings.deadLetterThreshold}`);
  expect(defaults.get('logRetentionDays')).toBe(`${settings.logRetentionDays}`);
});

test('the table of variables names all, each with the default that the code takes', () => {
  const rows = table('variable | default | meaning');
  const wrong = (env: object): string => {
    try {
      loadConfig(env as NodeJS.ProcessEnv);
      return '';
    } catch (error) {
      return (error as Error).message;
    }
  };
  const required = {
    OSM_ENDPOINT: 'https://osm.example.com',
    IAM_ENDPOINT: 'https://iam.example.com',
    CREDENTIALS_FROM: 'file:/tmp/x',
    QUEUE_URL: 'https://sqs.example/1/q',
    DEAD_LETTER_QUEUE_URL: 'https://sqs.example/1/d',
  };
  // Each is read: what no variable takes is an error that names it. The URLs take nearly anything.
  for (const [name = ''] of rows) expect(wrong({ ...required, [name]: '\n' })).toContain(name);
  const stated = rows.filter(([, value]) => value !== '' && value !== 'required');
  const defaults = Object.fromEntries(stated.map(([name, value]) => [name, value]));
  expect(loadConfig({ ...required, ...defaults })).toEqual(loadConfig(required));
  const known = read('lib/config.ts').matchAll(
    /\b([A-Z]+(?:_[A-Z]+)+): (?:z\.|text\(|endpoint|queueUrl|credentialsFrom)/g,
  );
  expect(rows.map(([name]) => name).sort()).toEqual(Array.from(known, ([, name]) => name).sort());
});

test('what is charged for is counted', () => {
  const count = Object.keys(metricUnits).length;
  const alarms = read('resources/alarms.yml').match(/AWS::CloudWatch::Alarm/g)?.length;
  expect(text).toContain(`| metrics | ${count} × 0.30 | ${(count * 0.3).toFixed(2)} |`);
  expect(text).toContain(`${alarms} × 0.10 + 3.00 + 0.40 | ${((alarms ?? 0) * 0.1 + 3.4).toFixed(2)} |`);
  const sums = Array.from(text.matchAll(/^\|.*\| (\d+\.\d\d) \|$/gm), ([, sum]) => Number(sum));
  const total = sums.pop();
  expect(total).toBeCloseTo(sums.reduce((a, b) => a + b));
});

test('the deployer’s policy fits an AWS policy, and names nothing but this service', () => {
  const policy = read('docs/deployer-policy.json');
  expect(policy.replaceAll(/\s/g, '').length).toBeLessThanOrEqual(6144);
  for (const { Sid, Resource } of JSON.parse(policy).Statement) {
    if (Sid === 'WithoutResource') continue;
    for (const arn of [Resource].flat())
      expect(arn).toMatch(/read-receipt-relay-\*|:event-source-mapping:\*|:changeSet\/\*/);
  }
});
