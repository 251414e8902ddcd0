// Dead letters seen and sent back against the deployed stack: by hand, by command line and by `serverless invoke`.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { root } from '../../local/serverless.ts';
import { eventually, type Report } from './report.ts';
import type { Deployed } from './stack.ts';

const COMMAND_LIMIT_MS = 60_000;

/** `read-receipt-relay VERB --stage … --json`, as a person has it: the document it prints. */
const relay = async ({ env, stage }: Deployed, ...args: string[]): Promise<Record<string, unknown>> => {
  const command = [path.join(root, '.build/cli/main.mjs'), ...args, '--stage', stage, '--json'];
  const { stdout } = await promisify(execFile)(process.execPath, command, { env, timeout: COMMAND_LIMIT_MS });
  return JSON.parse(stdout);
};

const isRead = ({ huawei }: Deployed, caseId: string) =>
  eventually(`${caseId} read at Huawei Cloud`, async () => huawei.osm.unread(caseId) === 0);

/** Expects the dead letters that the failures of this run have left. */
export const checkReplay = async (stack: Deployed, report: Report) => {
  const { huawei } = stack;
  await report.check(
    '`read-receipt-relay doctor --stage` finds nothing wrong, from inside the function',
    async () => {
      const said = await relay(stack, 'doctor');
      const { checks } = said as { checks: { check: string; status: string; says: string }[] };
      assert.deepEqual(
        checks.filter(({ status }) => status === 'failed'),
        [],
      );
      return checks.map(({ check, status }) => `${check} ${status}`).join(', ');
    },
  );

  await report.check('`read-receipt-relay status --stage` counts the dead letters by code', async () => {
    const { by_code } = await relay(stack, 'status');
    const expected = { malformed: 1, invalid: 1, rejected: 1, forbidden: 1, failed: 1, unavailable: 1 };
    assert.deepEqual(by_code, expected);
    return Object.keys(expected).join(', ');
  });

  await report.check('`read-receipt-relay list --stage` shows them, filtered', async () => {
    const listed = JSON.stringify(await relay(stack, 'list', '--code', 'rejected'));
    assert.ok(listed.includes('no-such-case'), listed);
    assert.ok(!listed.includes('of-another-group'), listed);
  });

  await report.check(
    '`serverless invoke -f replay` repairs and sends back what the filter asks for',
    async () => {
      const request = { filter: { failure_code: ['forbidden'] }, set: { group_id: 'team-2' } };
      const said = await stack.serverless('invoke', '-f', 'replay', '--data', JSON.stringify(request));
      const counts = JSON.parse(said.slice(said.indexOf('{'), said.lastIndexOf('}') + 1));
      assert.equal(counts.replayed, 1, said);
      assert.equal(counts.failed, 0, said);
      await isRead(stack, 'of-another-group');
      return `scanned ${counts.scanned}, replayed ${counts.replayed}, remaining ${counts.remaining}`;
    },
  );

  await report.check(
    '`read-receipt-relay replay --stage` sends back what was put right meanwhile',
    async () => {
      huawei.osm.addCase('no-such-case');
      const { replayed, failed } = await relay(stack, 'replay', '--code', 'rejected', '--yes');
      assert.deepEqual({ replayed, failed }, { replayed: 1, failed: 0 });
      await isRead(stack, 'no-such-case');
    },
  );
};
