// The one Serverless plugin of this service. It gives `${relay:NAME}` to serverless.yml and the resource files, says
// what is about to be deployed, and stops what would surprise: wrong params, a stack that would turn to another
// Huawei Cloud, queues that would be removed with what they hold.
//
// A plugin, because Serverless reads params from several places and a plugin sees what came of them; because it can
// be TypeScript that a test imports, which `${file(…)}` cannot; and because its errors are shown without a stack.
import { dashboard } from './dashboard.ts';
import { callsOf, changeOf, contentOf, summary } from './deployed.ts';
import { read, type VariableRequest } from './given.ts';
import { longestCallMs } from './settings.ts';

interface Serverless {
  classes: { Error: new (message: string, code: string) => Error };
  service: {
    functions: Record<string, { timeout?: number; environment?: Record<string, unknown> }>;
    provider: {
      compiledCloudFormationTemplate?: { Outputs?: Record<string, { Value: unknown }> };
    };
  };
  /** The AWS configuration of the command: profile, keys, region. */
  getProvider: (name: 'aws') => { getAwsSdkV3Config?: () => Promise<object> };
}

interface Tools {
  log: { notice: (text: string) => void };
}

export default class RelayPlugin {
  readonly configurationVariablesSources: object;
  readonly hooks: Record<string, () => Promise<void> | void>;

  constructor(serverless: Serverless, _options: object, { log }: Tools) {
    // Serverless shows an error of its own class as a sentence, any other with its stack.
    const refuse = (message: string): never => {
      throw new serverless.classes.Error(message, 'READ_RECEIPT_RELAY');
    };

    let reading: ReturnType<typeof read> | undefined;
    const resolve = async (request: VariableRequest) => {
      // A read that came before a variable it needs is tried again when Serverless asks again.
      reading ??= read(request).catch(error => {
        reading = undefined;
        throw error;
      });
      const { settings } = await reading;
      const values: Record<string, unknown> = {
        ...settings,
        dashboardBody: dashboard(settings.name, settings.stage),
      };
      return { value: values[request.address] };
    };
    this.configurationVariablesSources = { relay: { resolve } };

    const known = async () => reading ?? refuse('serverless.yml asks for no relay variable.');
    const aws = async () => {
      const { region } = (await known()).settings;
      // The vendor's version 4 has no such call: there the SDK finds keys by itself.
      return { region, ...(await serverless.getProvider('aws').getAwsSdkV3Config?.()) };
    };
    /** What is about to be deployed, also where it was packaged elsewhere and before; one function makes no template. */
    const planned = async () => {
      const { Outputs } = serverless.service.provider.compiledCloudFormationTemplate ?? {};
      if (!Outputs) return (await known()).settings.outputs;
      return Object.fromEntries(Object.entries(Outputs).map(([key, { Value }]) => [key, String(Value)]));
    };

    const check = async () => {
      const { wrong } = await known();
      if (wrong.length > 0) refuse(`These params are wrong:\n${wrong.map(each => `  ${each}.`).join('\n')}`);
      const { timeout = 0, environment = {} } = serverless.service.functions['mark-as-read'] ?? {};
      const mostMs = longestCallMs(timeout);
      if (Number(environment.REQUEST_TIMEOUT_MS) > mostMs)
        refuse(
          `REQUEST_TIMEOUT_MS (${environment.REQUEST_TIMEOUT_MS}) does not fit the timeout of mark-as-read (${timeout} s): ` +
            `a call may take half of the time for calls, ${mostMs} ms. Lower the first or raise the second.`,
        );
    };

    let isTold = false;
    const tell = async () => {
      if (isTold) return;
      isTold = true;
      const { settings, stageFile } = await known();
      log.notice(`\n${summary({ ...settings, stageFile }, await planned())}\n`);
    };

    /** What cannot be looked at is no reason to go on, and the sentence says how to. */
    const look = async <T>(
      what: string,
      param: string,
      at: (name: string, aws: { region: string }) => Promise<T>,
    ) => {
      try {
        return await at((await known()).settings.name, await aws());
      } catch (error) {
        // Its own sentence, such as that there are no AWS credentials.
        if (error instanceof serverless.classes.Error) throw error;
        const { name, message } = error as Error;
        const wayOut = /AccessDenied/.test(name) ? `\nTo go on without, add\n  --param="${param}=true"` : '';
        return refuse(`Could not ${what} (${name}: ${message}).${wayOut}`);
      }
    };

    const compare = async () => {
      await tell();
      const { settings, stageFile } = await known();
      if (settings.isChange) return;
      const before = await look(`read the stack ${settings.name}`, 'change', callsOf);
      const change = changeOf(before, await planned());
      if (change)
        refuse(
          `This deploy would change whom ${settings.name} calls, or as whom:\n${change}\n` +
            `It was made with ${stageFile}. Put the stage's params there\n` +
            '(stages/example.yml names all), or, where the change is meant, add\n  --param="change=true"',
        );
    };

    const ask = async () => {
      const { settings } = await known();
      if (settings.isRemoveAnyway) return;
      const content = await look(`look into the queues of ${settings.name}`, 'removeAnyway', contentOf);
      if (content)
        refuse(
          `The queues of ${settings.name} are not empty, and would go with what they hold:\n${content}\n` +
            'Receipts drain by themselves once nobody sends and marking works; dead letters\nare archived by\n' +
            `  npx read-receipt-relay discard --stage ${settings.stage}\n` +
            'Where all of it may go, add\n  --param="removeAnyway=true"',
        );
    };

    this.hooks = {
      initialize: check,
      'after:package:finalize': tell,
      'before:aws:deploy:deploy:createStack': compare,
      'before:deploy:function:initialize': compare,
      'before:remove:remove': ask,
    };
  }
}
