// replay: what is said before, what is done, and what comes of it.
import { setTimeout as delay } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import { createQueue } from '../../lib/sqs/queue.ts';
import { receipt, string } from '../letter-queues.ts';
import { bodies, flat, json, onTerminal, tooLong, useCommandLine } from './command-line.ts';
import { startStage } from './stage.ts';

const line = await useCommandLine();

describe('what is said before', () => {
  const repair = 'replay --code forbidden --set group_id=g --unset language';

  test('a dry run: how many by code, how old, which repair, before and after, and changes nothing', async () => {
    line.fill();
    const { out, code } = await line.relay(`${repair} --dry-run`);
    expect(code).toBe(0);
    expect(flat(out)).toMatch(
      /^Would replay 2 dead letters to receipts-\S+\. Of 4 dead letters looked at, 2 matched\./,
    );
    expect(out).toMatch(/^forbidden +2$/m);
    expect(out).toMatch(/Dead-lettered 2 h ago to \d+ (s|min) ago\. In full:/);
    expect(out).toContain('\n  - {"case_id":"a"}\n  + {"case_id":"a","group_id":"g"}\n');
    expect(flat(out)).toContain('In each receipt group_id=g is set, language is taken away.');
    expect(out).toMatch(/\nNothing was changed\.\n$/);
    expect(tooLong(out)).toEqual([]);
    expect(json(await line.relay(`${repair} --dry-run --json`))).toMatchObject({
      scanned: 4,
      matched: 2,
      to: line.pair.receiptsUrl,
      set: { group_id: 'g', language: null },
      late_receipts: 'unknown',
      preview: {
        letters: 2,
        by_code: [{ code: 'forbidden', letters: 2 }],
        first: [{ before: '{"case_id":"a"}', after: '{"case_id":"a","group_id":"g"}' }, {}],
      },
    });
    expect(line.pair.receipts()).toEqual([]);
    expect(line.pair.letters()).toHaveLength(4);
  });

  test('what is sent in vain: for sure what is no receipt, probably what was refused and goes unchanged', async () => {
    line.fill();
    line.pair.put(receipt('e'), { code: 'rejected' });
    expect(flat((await line.relay('replay --dry-run')).out)).toContain(
      'Of 5 dead letters these will come back dead, unless they are repaired or left out: 1 for sure (malformed or invalid), 1 probably (refused before, and sent as before).',
    );
    const repaired = json(await line.relay('replay --set group_id=g --dry-run --json'));
    expect(repaired).toMatchObject({ failed: 1, preview: { dead_again: { surely: 0, probably: 0 } } });
    line.pair.put('{ "case_id" : "f" }', { code: 'rejected' });
    // A repair that changes nothing cures nothing, whatever white space there is.
    const same = json(await line.relay('replay --unset language --dry-run --json'));
    expect(same).toMatchObject({ preview: { dead_again: { surely: 0, probably: 2 } } });
  });

  test('nobody knows here what becomes of late receipts: both are said', async () => {
    // Its envelope says that it was read an hour ago.
    const time = new Date(Date.now() - 3_600_000).toISOString();
    const body = JSON.stringify({ specversion: '1.0', data: { case_id: 'late' }, time });
    line.pair.put(body, { code: 'timeout' });
    expect(flat((await line.relay('replay --dry-run')).out)).toMatch(
      /It is late\. A late receipt is looked at first.* with LATE_RECEIPTS=mark or shadow, which cannot be seen from here, it hides/,
    );
  });

  const looksOnly = /is looked at first: where .* nothing is marked\. (?!Where)/;
  test.each([
    ['check', { LATE_RECEIPTS: 'check' }, looksOnly],
    ['by default', {}, looksOnly],
    ['mark', { LATE_RECEIPTS: 'mark' }, /runs with LATE_RECEIPTS=mark: it hides what/],
    ['shadow', { LATE_RECEIPTS: 'shadow' }, /runs with LATE_RECEIPTS=shadow: it hides what/],
    ['who may not see it', 'denied' as const, /which cannot be seen from here/],
  ])('a stage tells: %s', async (_, variables, words) => {
    const { receiptsUrl, lettersUrl } = line.pair;
    const stage = await startStage({ queueUrl: receiptsUrl, deadLetterQueueUrl: lettersUrl, variables });
    const env = { ...stage.environment, QUEUE_URL: undefined };
    try {
      const read_at = new Date(Date.now() - 3_600_000).toISOString();
      line.pair.put(receipt('late', { read_at }), { code: 'timeout' });
      const { out, code } = await line.relay('replay --code timeout --dry-run --stage prod', { env });
      expect(code).toBe(0);
      expect(flat(out)).toMatch(/^Would replay 1 dead letter to stage prod\./);
      expect(flat(out)).toMatch(words);
    } finally {
      await stage.close();
    }
  });

  test.each([
    ['replay', 'Nothing was replayed'],
    ['discard', 'Nothing was discarded'],
  ])('an empty queue: %s', async (verb, words) => {
    const { out, code } = await line.relay(`${verb} --yes`);
    expect(out).toBe(`${words}. There is no dead letter to look at.\nNo dead letters remain.\n`);
    expect(code).toBe(0);
  });
});

onTerminal('the question says the same on 80 columns, and no is no', async () => {
  line.fill();
  const { screen, code } = await line.onTerminal('replay --code forbidden --set group_id=g', 'n');
  expect(code).toBe(1);
  expect(screen).toContain('About to replay 2 dead letters to');
  expect(screen).toContain('  + {"case_id":"a","group_id":"g"}');
  expect(screen).toMatch(/Replay 2 dead letters to receipts-\S+\? \[y\/N\]/);
  expect(screen).toContain('Nothing was changed.');
  expect(line.pair.receipts()).toEqual([]);
});

onTerminal('yes is yes; the bar fits and counts the rate', async () => {
  for (let i = 0; i < 40; i++) line.pair.put(receipt(`c${i}`), { code: 'timeout' });
  const { screen, code } = await line.onTerminal('replay --rate 20', 'y');
  expect(code).toBe(0);
  // 40 at 20 a second: never less, however fast the first ones went.
  expect(screen).toMatch(/Replayed .* 0\/40 · 0 a second · 2 s left/);
  expect(screen).toContain('Replayed 40 dead letters to');
  const bars = screen.split('\r').filter(each => /█|░/.test(each));
  for (const bar of bars) expect(tooLong(stripVTControlCharacters(bar).split('\n')[0] ?? '')).toEqual([]);
  expect(bodies(line.pair.receipts())).toHaveLength(40);
});

onTerminal('nothing to send is wrong use', async () => {
  const { screen, code } = await line.onTerminal('send');
  expect([code, stripVTControlCharacters(screen)]).toEqual([2, expect.stringMatching(/^\s*Nothing to send/)]);
});

describe('what is done', () => {
  const atFirstDelete = (act: () => void) => {
    let isFirst = true;
    line.queues.proxy.intercept = (call, forward) => {
      if (isFirst && call.action === 'DeleteMessageBatch') {
        isFirst = false;
        act();
      }
      return forward();
    };
  };

  test('what is repaired goes', async () => {
    line.fill();
    const done = await line.relay('replay --code forbidden --set group_id=g --yes --json');
    expect(done.code).toBe(0);
    const counts = { scanned: 4, matched: 2, guarded: 0, replayed: 2, failed: 0, duplicated: 0 };
    expect(json(done)).toEqual({ ...counts, remaining: 2, stopped: 'done' });
    expect(bodies(line.pair.receipts())).toEqual([
      '{"case_id":"a","group_id":"g"}',
      '{"case_id":"b","group_id":"g"}',
    ]);
  });

  test('what --limit ended says so, and how to go on; what it did not end does not', async () => {
    line.fill();
    const goOn =
      '--limit ended it, and more may match. Without it all of them are taken:\n  npx read-receipt-relay ';
    for (const verb of ['replay', 'discard']) {
      const options = `${verb} --code forbidden`;
      for (const end of ['--dry-run', '--yes'])
        expect(await line.relay(`${options} --limit 1 ${end}`)).toMatchObject({
          code: 0,
          out: expect.stringContaining(`${goOn}${options}\n`),
        });
    }
    expect((await line.relay('replay --limit 9 --yes')).out).not.toContain('--limit');
  });

  test('what was replayed too often stays, which is no shortfall, and the command that sends it is there', async () => {
    line.pair.put(receipt('a'), { code: 'timeout', replays: 3 });
    const { out, code } = await line.relay('replay --case a --yes');
    expect(code).toBe(0);
    expect(out).toContain('Nothing was replayed. Of 1 dead letter looked at, 1 matched.\n1 letter stays: ');
    expect(out).toContain('\n  npx read-receipt-relay replay --case a --max-replays 6 --dry-run\n');
    expect(out).toMatch(/\nDead letters left: 1\.\n$/);
    line.pair.put(receipt('b'));
    const limited = await line.relay('replay --limit 1 --max-replays 9 --dry-run');
    expect(limited.out).toContain('\n  npx read-receipt-relay replay --max-replays 9\n');
  });

  test('what cannot be repaired is a shortfall; a minute later is a command away', async () => {
    line.fill();
    const { out, code } = await line.relay('replay --set group_id=g --yes');
    expect(code).toBe(1);
    expect(out).toContain('Replayed 3 dead letters');
    expect(out).toContain('1 letter stays: refused, or no valid receipt after the repair.');
    expect(out).toContain('the body is not JSON');
    expect(out).toMatch(/\n {2}npx read-receipt-relay list --after \d{4}-\d\d-\d\dT[\d:.]+Z\n$/);
    expect(line.pair.letters()).toHaveLength(1);
  });

  test('--wait stays until all was taken, and tells what came back dead', async () => {
    for (const id of ['good', 'bad']) line.pair.put(receipt(id), { code: 'timeout' });
    const started = line.relay('replay --code timeout --yes --wait --json');
    let taken = 0;
    const source = createQueue(line.pair.receiptsUrl);
    while (taken < 2) {
      // A consumer that takes its time.
      await delay(1_000);
      const answer = await source.receive(30);
      for (const { messageId, receiptHandle, message } of 'messages' in answer ? answer.messages : []) {
        taken++;
        const failure = string(JSON.stringify({ code: 'rejected', source_message_id: messageId }));
        // As the function does: acknowledged after its dead letter.
        if (message.body.includes('bad')) line.pair.put(message.body, { own: { failure } });
        await source.remove([{ receiptHandle }]);
      }
    }
    line.pair.put(receipt('of others'), { code: 'failed' });
    const done = await started;
    const aftermath = { taken: true, waiting: 0, dead: { rejected: 1 } };
    expect(json(done)).toMatchObject({ replayed: 2, aftermath });
    expect(done.code).toBe(1);
  });

  test('Ctrl-C while it only waits says that, and not that something is shown again', async () => {
    line.pair.put(receipt('a'));
    const { err, code } = await line.relay('replay --yes --wait', {
      onStart: child => {
        line.queues.proxy.intercept = (call, forward) => {
          // Nothing but the waiting asks how full the queue of receipts is.
          const isWaiting =
            call.action === 'GetQueueAttributes' && call.body.QueueUrl === line.pair.receiptsUrl;
          if (isWaiting) child.kill('SIGINT');
          return forward();
        };
      },
    });
    expect(code).toBe(1);
    expect(flat(err)).toContain('Waiting no longer: what was sent stays sent.');
    expect(err).not.toContain('shown again');
  });

  test('Ctrl-C: what was sent is deleted, the rest is visible, the numbers are true', async () => {
    for (let i = 0; i < 400; i++) line.pair.put(receipt(`c${i}`));
    const { out, err, code } = await line.relay('replay --yes --json --rate 40', {
      onStart: child => atFirstDelete(() => child.kill('SIGINT')),
    });
    const counts = JSON.parse(out);
    expect(code).toBe(1);
    expect(err).toContain('Stopping');
    expect(counts).toMatchObject({ stopped: 'interrupted', failed: 0, duplicated: 0 });
    expect(line.pair.receipts()).toHaveLength(counts.replayed);
    expect(line.pair.letters()).toHaveLength(400 - counts.replayed);
    expect(line.pair.hidden()).toEqual([]);
  });

  test('a reader that goes away, on either stream, ends no run that holds letters', async () => {
    for (let i = 0; i < 60; i++) line.pair.put(receipt(`c${i}`));
    const { code } = await line.relay('replay --yes --rate 30 --code unknown', {
      onStart: child => {
        child.stderr?.destroy();
        child.stdout?.destroy();
        // As a terminal that is closed does: there is something to say on a broken pipe.
        atFirstDelete(() => child.kill('SIGHUP'));
      },
    });
    expect(code).toBe(1);
    expect(line.pair.receipts().length).toBeGreaterThan(0);
    expect(line.pair.receipts().length + line.pair.letters().length).toBe(60);
    expect(line.pair.hidden()).toEqual([]);
  });
});
