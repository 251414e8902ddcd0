import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import type { AwsAnswer } from './call.ts';

const PARAMETER_TYPES = ['String', 'SecureString'] as const;
type ParameterType = (typeof PARAMETER_TYPES)[number];

const askedSchema = z.looseObject({
  SecretId: z.string().default(''),
  Name: z.string().default(''),
  WithDecryption: z.boolean().default(false),
  /** A standard parameter's limits. */
  Value: z.string().min(1).max(4096).optional(),
  Type: z.enum(PARAMETER_TYPES).optional(),
  Overwrite: z.boolean().default(false),
});
type Asked = z.infer<typeof askedSchema>;

interface Stored {
  value: string;
  type: ParameterType;
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

  const set = (id: string, value: string, type: ParameterType = 'SecureString'): number => {
    const version = (stored.get(id)?.version ?? 0) + 1;
    stored.set(id, { value, type, version, versionId: randomUUID(), savedAt: Date.now() / 1000 });
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
    'AmazonSSM.GetParameter'({ Name, WithDecryption }) {
      const found = stored.get(Name);
      if (!found) return refused('ParameterNotFound', `Parameter ${Name} not found.`);
      const { type: Type, version: Version, savedAt: LastModifiedDate } = found;
      const Value = WithDecryption || Type === 'String' ? found.value : 'AQICAHg-not-decrypted';
      return answered({ Parameter: { Name, Type, Value, Version, LastModifiedDate } });
    },
    'AmazonSSM.PutParameter'({ Name, Value, Type = stored.get(Name)?.type, Overwrite }) {
      if (stored.has(Name) && !Overwrite)
        return refused('ParameterAlreadyExists', 'The parameter already exists.');
      if (!Value || !Type)
        return refused('ValidationException', 'A value is missing, or the type of a new one.');
      return answered({ Version: set(Name, Value, Type), Tier: 'Standard' });
    },
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
      set: (id: string, value: string, type?: ParameterType): void => void set(id, value, type),
      get: (id: string): string | undefined => stored.get(id)?.value,
      /** How often it was saved; 0 where it is not there. */
      versions: (id: string): number => stored.get(id)?.version ?? 0,
      delete: (id: string): void => void stored.delete(id),
    },
  };
};

const answered = (body: object): AwsAnswer => ({ status: 200, body });
const refused = (type: string, Message: string): AwsAnswer => ({
  status: 400,
  body: { __type: type, Message },
});
