// `npm run test:deploy`: the real serverless.yml, deployed to an AWS on this machine that evaluates IAM, in front of
// a Huawei Cloud on this machine. No account, no Docker; Python makes a virtual environment of its own in .venv/.

import assert from 'node:assert/strict';
import { packageStack } from '../../local/build.ts';
import { startHuawei } from '../../local/huawei/server.ts';
import { lintTemplate, prepareVenv, startEmulator } from './emulator.ts';
import { checkPermissions } from './permissions.ts';
import {
  checkDeadLetters,
  checkLogs,
  checkMarking,
  checkOutage,
  checkRotation,
  PASSWORD,
  SECOND_PASSWORD,
  secretOf,
} from './relaying.ts';
import { checkReplay } from './replaying.ts';
import { createReport } from './report.ts';
import { checkEnvelopes } from './sending.ts';
import { AUDIENCE, createKey, createStack } from './stack.ts';
import { checkOtherStage, PARAMETER } from './stages.ts';
import {
  checkAlarms,
  checkRemove,
  checkSecondDeploy,
  checkSender,
  checkTags,
  checkTransport,
} from './surroundings.ts';

const STAGE = 'proof';
const report = createReport();
const cleanUps: (() => Promise<unknown>)[] = [];
const cleanUp = async () => {
  for (const undo of cleanUps.splice(0).reverse()) await undo();
};
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, async () => {
    await cleanUp();
    process.exit(130);
  });
}

const story = async () => {
  report.section('CloudFormation');
  const lint = (what: string, params: string[]) =>
    report.check(`cfn-lint has nothing to say of the template ${what}`, async () => {
      const { template } = await packageStack(STAGE, params);
      assert.equal(await lintTemplate(template), '');
    });
  await Promise.all([
    lint('as it stands', []),
    lint('with every param set', [
      'site=china',
      'credentialsFrom=ssm:/huawei/relay',
      'credentialsKeyArn=arn:aws:kms:ap-southeast-1:123456789012:key/0a1b2c3d-0000-4000-8000-000000000000',
      'alarmTopicArn=arn:aws:sns:ap-southeast-1:123456789012:on-call',
      'logRetentionDays=7',
      `webIdentityAudience=${AUDIENCE}`,
      'permissionsBoundaryArn=arn:aws:iam::123456789012:policy/bounds',
      'deadLetterThreshold=10',
    ]),
  ]);

  report.section('Deploy');
  const huawei = await startHuawei();
  cleanUps.push(huawei.close);
  const emulator = await startEmulator();
  cleanUps.push(emulator.stop);
  const key = await createKey(emulator);
  const stack = await createStack(emulator, huawei, STAGE, {
    credentialsKeyArn: key.arn,
    webIdentityAudience: AUDIENCE,
  });
  cleanUps.push(stack.remove);
  await stack.aws.secrets.createSecret({ Name: stack.secretName, SecretString: secretOf(PASSWORD) });
  const out = await report.check('`serverless deploy` takes serverless.yml as it is', async () => {
    await stack.serverless('deploy');
    return stack.outputs();
  });
  if (!out) return;
  const deployed = { ...stack, out, keyId: key.id };

  report.section('Receipts');
  await checkMarking(deployed, report);
  await checkDeadLetters(deployed, report);
  await checkOutage(deployed, report);
  await checkRotation(deployed, report);

  report.section('Replay and command line');
  await checkReplay(deployed, report);
  await checkLogs(deployed, report);

  report.section('Transport, senders, alarms');
  await checkTransport(deployed, report);
  await checkSender(deployed, report);
  await checkEnvelopes(deployed, report);
  await checkAlarms(deployed, report);
  await checkTags(deployed, report);
  await checkSecondDeploy(deployed, report);

  report.section('Permissions, one by one');
  await checkPermissions(deployed, report);

  report.section('A second stage');
  const second = await createStack(emulator, huawei, `${STAGE}-ssm`, {
    credentialsFrom: `ssm:${PARAMETER}`,
    alarms: 'none',
    dashboard: 'none',
  });
  cleanUps.push(second.remove);
  await checkOtherStage(second, secretOf(SECOND_PASSWORD), report);

  report.section('Removal');
  await checkRemove(deployed, report);
};

if (!(await prepareVenv())) {
  console.log('test:deploy is skipped: it needs Python 3.10 or newer on PATH, for the emulator.');
} else {
  try {
    await story();
  } finally {
    await cleanUp();
  }
  process.exitCode = report.summary() ? 0 : 1;
}
