// `npm run test:deploy`: the real serverless.yml, deployed to an AWS on this machine that evaluates IAM, in front of
// a Huawei Cloud on this machine. No account, no Docker; Python makes a virtual environment of its own in .venv/.

import assert from 'node:assert/strict';
import { packageStack } from '../../local/build.ts';
import { startHuawei } from '../../local/huawei/server.ts';
import { ACCOUNT, REGION } from './aws.ts';
import { checkOtherStage, checkRemoval, checkSecondDeploy, PARAMETER } from './deploying.ts';
import { lintTemplate, prepareVenv, startEmulator } from './emulator.ts';
import { checkPermissions } from './permissions.ts';
import { checkLogs, checkRelaying, PASSWORD, SECOND_PASSWORD, secretOf } from './relaying.ts';
import { checkReplay } from './replaying.ts';
import { createReport } from './report.ts';
import { checkSenders } from './sending.ts';
import { createStack } from './stack.ts';

const STAGE = 'proof';
const report = createReport();
const cleanUps: (() => Promise<unknown>)[] = [];
const cleanUp = async () => {
  for (const undo of cleanUps.splice(0).reverse()) await undo();
};
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => void cleanUp().finally(() => process.exit(130)));
}

const keyIn = (region: string) => `arn:aws:kms:${region}:${ACCOUNT}:key/0a1b2c3d-0000-4000-8000-000000000000`;
const webIdentityAudience = 'https://iam.example.com/relay';

const checkTemplate = (what: string, params: string[]) =>
  report.check(`cfn-lint has nothing to say of the template ${what}`, async () => {
    const { template } = await packageStack(STAGE, params);
    assert.equal(lintTemplate(template), '');
  });

const story = async () => {
  report.section('CloudFormation');
  await checkTemplate('as it stands', []);
  await checkTemplate('with every param set', [
    'site=china',
    'credentialsFrom=ssm:/huawei/relay',
    `credentialsKeyArn=${keyIn('ap-southeast-1')}`,
    'alarmTopicArn=arn:aws:sns:ap-southeast-1:123456789012:on-call',
    'logRetentionDays=7',
    `webIdentityAudience=${webIdentityAudience}`,
    'permissionsBoundaryArn=arn:aws:iam::123456789012:policy/bounds',
    'deadLetterThreshold=10',
  ]);

  report.section('Deploy');
  const huawei = await startHuawei();
  cleanUps.push(huawei.close);
  const emulator = await startEmulator();
  cleanUps.push(emulator.stop);
  // Beside what reads the credentials, what a role may be given.
  const rights = { credentialsKeyArn: keyIn(REGION), webIdentityAudience };
  const stack = await createStack(emulator, huawei, STAGE, rights);
  cleanUps.push(stack.remove);
  await stack.aws.secrets.createSecret({ Name: stack.name, SecretString: secretOf(PASSWORD) });
  const out = await report.check('`serverless deploy` takes serverless.yml as it is', async () => {
    await stack.serverless('deploy');
    return stack.outputs();
  });
  if (!out) return;
  const deployed = { ...stack, out };
  await checkSecondDeploy(deployed, report);

  report.section('Receipts');
  await checkRelaying(deployed, report);

  report.section('Replay and command line');
  await checkReplay(deployed, report);
  await checkLogs(deployed, report);

  report.section('Permissions, one by one');
  await checkPermissions(deployed, report);

  report.section('Other senders');
  await checkSenders(deployed, report);

  report.section('A second stage');
  const own = { credentialsFrom: `ssm:${PARAMETER}`, alarms: 'none', dashboard: 'none' };
  const second = await createStack(emulator, huawei, `${STAGE}-ssm`, own);
  cleanUps.push(second.remove);
  await checkOtherStage(second, secretOf(SECOND_PASSWORD), report);

  report.section('Removal');
  await checkRemoval(deployed, report);
};

const lack = prepareVenv();
if (lack) console.log(`test:deploy is skipped: it needs ${lack}`);
else {
  try {
    await story();
  } finally {
    await cleanUp();
  }
  process.exitCode = report.summary() ? 0 : 1;
}
