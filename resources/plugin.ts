// The one Serverless plugin of this service: `${relay:NAME}` in serverless.yml and in the resource files.
//
// A plugin, because Serverless reads params from three places and a plugin sees what came of them; because it can
// be TypeScript that a test imports, which `${file(…)}` cannot; and because its errors are shown without a stack.
import { dashboard } from './dashboard.ts';
import { PARAMS, readSettings } from './settings.ts';

interface VariableRequest {
  address: string;
  options: { param?: string[] };
  resolveVariable: (variable: string) => Promise<unknown>;
}

interface Serverless {
  classes: { Error: new (message: string, code: string) => Error };
}

const read = async ({ options, resolveVariable }: VariableRequest) => {
  const given: Record<string, unknown> = {};
  // What was typed on the command line, so that a misspelt name is an error and not a default.
  for (const param of options.param ?? []) given[param.split('=', 1)[0] ?? ''] = param;
  for (const name of PARAMS) given[name] = await resolveVariable(`param:${name}, null`);
  const service = await resolveVariable('self:service');
  const stage = await resolveVariable('sls:stage');
  return { stage: String(stage), ...readSettings(`${service}-${stage}`, given) };
};

export default class RelayVariables {
  readonly configurationVariablesSources: object;

  constructor(serverless: Serverless) {
    // Serverless shows an error of its own class as a sentence, any other with its stack.
    const fail = (message: string): never => {
      throw new serverless.classes.Error(message, 'WRONG_PARAMS');
    };

    let reading: ReturnType<typeof read> | undefined;
    const resolve = async (request: VariableRequest) => {
      // A read that came before a variable it needs is tried again when Serverless asks again.
      reading ??= read(request).catch(error => {
        reading = undefined;
        throw error;
      });
      const { settings, wrong, stage } = await reading;
      if (settings) {
        const values: Record<string, unknown> = { ...settings, dashboard: dashboard(settings.name, stage) };
        return { value: values[request.address] };
      }
      // Told once, although two dozen variables ask.
      const untold = wrong.splice(0);
      return untold.length > 0 ? fail(`These params are wrong: ${untold.join('; ')}.`) : { value: '' };
    };

    this.configurationVariablesSources = { relay: { resolve } };
  }
}
