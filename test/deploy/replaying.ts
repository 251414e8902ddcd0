// Dead letters seen and sent back against the deployed stack: by command line and by `serverless invoke`.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Check } from '../../lib/doctor/check.ts';
import { root } from '../../local/serverless.ts';
import { markedAll } from './relaying.ts';
import type { Report } from './report.ts';
import type { Deployed } from './stack.ts';

/** Expects the dead letters that the failures of this run have left. */
export const checkReplay = async (stack: Deployed, report: Report) => {
  const { env, huawei, stage } = stack;
  /** `read-receipt-relay VERB --stage … --json`, as a person has it: the document it prints. */
  const relay = async (...args: string[]): Promise<Record<string, unknown>> => {
    const command = [path.join(root, '.build/cli/main.mjs'), ...args, '--stage', stage, '--json'];
    return JSON.parse((await promisify(execFile)(process.execPath, command, { env })).stdout);
  };

  await report.check(
    '`read-receipt-relay doctor --stage` finds nothing wrong, from inside the function',
    async () => {
      const checks = (await relay('doctor')).checks as Check[];
      const failed = checks.filter(({ status }) => status === 'failed');
      assert.deepEqual(failed, []);
      return checks.map(({ check, status }) => `${check} ${status}`).join(', ');
    },
  );

  await report.check(
    '`serverless invoke -f replay` repairs and sends back what the filter asks for',
    async () => {
      const request = { filter: { failure_code: ['forbidden'] }, set: { group_id: 'team-2' } };
      const said = await stack.serverless('invoke', '-f', 'replay', '--data', JSON.stringify(request));
      const counts = JSON.parse(said.slice(said.indexOf('{'), said.lastIndexOf('}') + 1));
      assert.partialDeepStrictEqual(counts, { replayed: 1, failed: 0, remaining: 3 });
      await markedAll(stack, ['of-another-group']);
    },
  );

  await report.check('`replay --stage` sends back what was put right meanwhile', async () => {
    huawei.osm.addCase('no-such-case');
    const counts = await relay('replay', '--code', 'rejected', '--yes');
    assert.partialDeepStrictEqual(counts, { replayed: 1, failed: 0 });
    await markedAll(stack, ['no-such-case']);
  });
};
