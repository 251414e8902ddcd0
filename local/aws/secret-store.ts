import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import type { AwsAnswer } from './call.ts';

const askedSchema = z.looseObject({
  SecretId: z.string().default(''),
  Name: z.string().default(''),
  Value: z.string().default(''),
});
type Asked = z.infer<typeof askedSchema>;

interface Stored {
  value: string;
  version: number;
  versionId: string;
  /** Seconds since the epoch. */
  savedAt: number;
}

/**
 * Secrets Manager and SSM's parameters as far as the relay calls them, over one set of values: each is there by
 * its id for the one and by its name for the other.
 */
export const createSecretStore = () => {
  const stored = new Map<string, Stored>();

  const set = (id: string, value: string): number => {
    const version = (stored.get(id)?.version ?? 0) + 1;
    stored.set(id, { value, version, versionId: randomUUID(), savedAt: Date.now() / 1000 });
    return version;
  };

  const actions: Record<string, (asked: Asked) => AwsAnswer> = {
    'secretsmanager.GetSecretValue'({ SecretId }) {
      const found = stored.get(SecretId);
      if (!found) return refused('ResourceNotFoundException', "Secrets Manager can't find the secret.");
      return answered({
        Name: SecretId,
        VersionId: found.versionId,
        SecretString: found.value,
        VersionStages: ['AWSCURRENT'],
        CreatedDate: found.savedAt,
      });
    },
    'AmazonSSM.GetParameter'({ Name }) {
      const found = stored.get(Name);
      if (!found) return refused('ParameterNotFound', `Parameter ${Name} not found.`);
      const { value: Value, version: Version, savedAt: LastModifiedDate } = found;
      return answered({ Parameter: { Name, Value, Version, LastModifiedDate } });
    },
    'AmazonSSM.PutParameter': ({ Name, Value }) => answered({ Version: set(Name, Value), Tier: 'Standard' }),
  };

  return {
    /** Answers one call of the form `SERVICE.ACTION`; undefined where it is none of these. */
    answer(target: string, body: unknown): AwsAnswer | undefined {
      const action = actions[target];
      const asked = askedSchema.safeParse(body);
      if (action && !asked.success) return refused('ValidationException', z.prettifyError(asked.error));
      return asked.data && action?.(asked.data);
    },
    controls: {
      /** Saves a value, which makes a new version of it also where it is the same. */
      set: (id: string, value: string): void => void set(id, value),
      get: (id: string): string | undefined => stored.get(id)?.value,
      /** How often it was saved; 0 where it is not there. */
      versions: (id: string): number => stored.get(id)?.version ?? 0,
    },
  };
};

const answered = (body: object): AwsAnswer => ({ status: 200, body });
const refused = (type: string, Message: string): AwsAnswer => ({
  status: 400,
  body: { __type: type, Message },
});
