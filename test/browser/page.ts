// `npm run test:browser`: the page in a real browser, over real queues. Needs Chromium (CHROMIUM, or where Debian's
// package puts it). With `--picture` it writes the one that docs/runbook.md shows.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { type Browser, chromium, type Page } from 'playwright-core';
import { openWorld } from '../../local/world.ts';
import { attributesOf, receipt } from '../letter-queues.ts';

const root = path.resolve(import.meta.dirname, '../..');
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
if (!existsSync(executablePath)) {
  console.error(
    `There is no browser at ${executablePath}. Install Chromium (Debian: apt-get install chromium), or name one: CHROMIUM=/path/to/chromium.`,
  );
  process.exit(1);
}

const HOUR_MS = 3_600_000;
const CODES = ['forbidden', 'forbidden', 'forbidden', 'rejected', 'unavailable', 'invalid'] as const;

let world: Awaited<ReturnType<typeof openWorld>>;
let queues: ReturnType<typeof world.openQueues>;
let child: ChildProcess;
let browser: Browser;
let page: Page;
/** Whatever the browser complains about: errors, the security policy, requests to elsewhere. */
const complaints: string[] = [];

const put = (id: string, death: Parameters<typeof attributesOf>[0]) =>
  queues.deadLetters.put(receipt(id, { read_at: '2026-01-31T09:30:00Z' }), attributesOf(death));

before(async () => {
  world = await openWorld();
  queues = world.openQueues();
  for (let i = 0; i < 90; i++) {
    const code = CODES[i % CODES.length] as (typeof CODES)[number];
    put(`case-${i}`, {
      code,
      detail: `OSM answered 200: an example of ${code}`,
      agoMs: ((i * i) % 37) * HOUR_MS,
    });
  }
  child = spawn(process.execPath, [path.join(root, '.build/cli/main.mjs'), 'console', '--no-open'], {
    env: { PATH: process.env.PATH, ...queues.variables },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [url] = (await once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), 'line')) as [
    string,
  ];
  const quiet = '--disable-quic --no-first-run --disable-background-networking --disable-component-update';
  const args = `--no-sandbox --disable-gpu --disable-sync ${quiet}`.split(' ');
  browser = await chromium.launch({ executablePath, args });
  page = await browser.newPage({ viewport: { width: 1000, height: 900 } });
  page.on('console', message => complaints.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', error => complaints.push(error.message));
  page.on('request', request => {
    if (new URL(request.url()).hostname !== '127.0.0.1') complaints.push(`asked ${request.url()}`);
  });
  await page.goto(url);
  await page.waitForURL('**/');
  await page.getByRole('heading', { name: 'At a glance' }).waitFor();
});

after(async () => {
  await browser?.close();
  if (child?.exitCode === null) {
    child.kill('SIGINT');
    await once(child, 'exit');
  }
  await world?.close();
  assert.deepEqual(complaints, []);
});

test('at a glance: what is dead, why, since when; no address keeps the code', async () => {
  assert.equal(new URL(page.url()).search, '');
  assert.match((await page.textContent('main')) ?? '', /90 looked at/);
  assert.ok(await page.getByRole('img', { name: /90 dead letters by the hour/ }).isVisible());
  if (process.argv.includes('--picture'))
    await page.screenshot({ path: path.join(root, 'docs/console.png') });
});

test('readable at 360 and at 1,600 pixels, in the dark too', async () => {
  for (const width of [360, 1600]) {
    await page.setViewportSize({ width, height: 900 });
    for (const at of ['/', '/letters', '/replay']) {
      await page.goto(new URL(at, page.url()).href);
      const wide = Number(await page.evaluate('document.documentElement.scrollWidth'));
      assert.ok(wide <= width, `${at} is ${wide} pixels wide of ${width}`);
    }
  }
  await page.setViewportSize({ width: 1000, height: 900 });
  const back = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
  await page.emulateMedia({ colorScheme: 'light' });
  const light = await back();
  await page.emulateMedia({ colorScheme: 'dark' });
  assert.notEqual(await back(), light);
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
});

test('the keyboard alone: from the start to the letters of one code', async () => {
  await page.goto(new URL('/', page.url()).href);
  const tabTo = async (words: RegExp) => {
    for (let presses = 0; presses < 40; presses++) {
      await page.keyboard.press('Tab');
      const text = String(await page.evaluate('document.activeElement?.textContent ?? ""'));
      if (words.test(text)) return;
    }
    assert.fail(`the keyboard does not reach ${words}`);
  };
  await tabTo(/^Letters$/);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Letters' }).waitFor();
  await tabTo(/malformed/);
  await page.keyboard.type('forb');
  await tabTo(/^Filter$/);
  await page.keyboard.press('Enter');
  await page.waitForURL('**/letters?code=forbidden**');
  assert.match((await page.textContent('main')) ?? '', /45 dead letters/);
});

test('one letter in full, and the command that shows the same', async () => {
  await page.getByRole('link', { name: 'case-' }).first().click();
  await page.getByRole('heading', { name: 'One letter' }).waitFor();
  assert.match((await page.textContent('main')) ?? '', /npx read-receipt-relay show [0-9a-f-]{36}/);
  await page.getByRole('button', { name: 'Copy' }).last().click();
  await page.getByRole('button', { name: /Copied|Select the text/ }).waitFor();
});

test('repair with a preview, dry run, stop, replay', async () => {
  await page.goto(new URL('/letters?code=forbidden', page.url()).href);
  await page.getByRole('link', { name: 'Repair and replay these' }).click();
  await page.getByLabel('group_id', { exact: true }).fill('g-1');
  await page.getByLabel('At most').fill('1');
  await page.getByRole('button', { name: 'Preview' }).click();
  assert.match((await page.locator('mark').first().textContent()) ?? '', /"group_id": "g-1"/);
  assert.equal(await page.locator('.pair').count(), 10);
  await page.getByRole('button', { name: 'Dry run of 45 dead letters' }).click();
  await page.getByText('Would be sent: 45').waitFor({ timeout: 30_000 });
  assert.equal(queues.receipts.ready().length, 0);
  await page.getByRole('button', { name: /Send 45 messages to/ }).click();
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.getByRole('heading', { name: 'Replay: ended (interrupted)' }).waitFor({ timeout: 30_000 });
  const sent = queues.receipts.ready().length;
  assert.ok(sent < 45);
  await page.getByRole('link', { name: 'At a glance' }).click();
  await page.getByRole('button', { name: 'Look again' }).click();
  await page.getByText(`${90 - sent} looked at`).waitFor({ timeout: 30_000 });
});
