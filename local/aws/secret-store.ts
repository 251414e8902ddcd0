import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import type { AwsAnswer } from './call.ts';

const getSecretSchema = z.looseObject({ SecretId: z.string().min(1) });
const getParameterSchema = z.looseObject({
  Name: z.string().min(1),
  WithDecryption: z.boolean().default(false),
});
const putParameterSchema = z.looseObject({
  Name: z.string().min(1),
  /** A standard parameter's limits. */
  Value: z.string().min(1).max(4096),
  Type: z.enum(['String', 'SecureString']).optional(),
  Overwrite: z.boolean().default(false),
});

type ParameterType = 'String' | 'SecureString';
interface Stored {
  value: string;
  type: ParameterType;
  version: number;
  versionId: string;
  savedAt: Date;
}

/**
 * Secrets Manager and SSM's parameters as far as the relay calls them, over one set of values: each is there by
 * its id for the one and by its name for the other.
 */
export const createSecretStore = () => {
  const stored = new Map<string, Stored>();

  const set = (id: string, value: string, type: ParameterType = 'SecureString') => {
    const version = (stored.get(id)?.version ?? 0) + 1;
    const made = { value, type, version, versionId: randomUUID(), savedAt: new Date() };
    stored.set(id, made);
    return made;
  };

  const actions: Record<string, (body: unknown) => AwsAnswer> = {
    'secretsmanager.GetSecretValue': body => {
      const asked = getSecretSchema.safeParse(body);
      if (!asked.success) return refused('InvalidParameterException', 'A secret needs an id.');
      const found = stored.get(asked.data.SecretId);
      if (!found) return refused('ResourceNotFoundException', "Secrets Manager can't find the secret.");
      return answered({
        Name: asked.data.SecretId,
        VersionId: found.versionId,
        SecretString: found.value,
        VersionStages: ['AWSCURRENT'],
        CreatedDate: seconds(found.savedAt),
      });
    },
    'AmazonSSM.GetParameter': body => {
      const asked = getParameterSchema.safeParse(body);
      if (!asked.success) return refused('ValidationException', 'A parameter needs a name.');
      const { Name, WithDecryption } = asked.data;
      const found = stored.get(Name);
      if (!found) return refused('ParameterNotFound', `Parameter ${Name} not found.`);
      const isReadable = WithDecryption || found.type === 'String';
      return answered({
        Parameter: {
          Name,
          Type: found.type,
          Value: isReadable ? found.value : 'AQICAHg-not-decrypted',
          Version: found.version,
          LastModifiedDate: seconds(found.savedAt),
        },
      });
    },
    'AmazonSSM.PutParameter': body => {
      const asked = putParameterSchema.safeParse(body);
      if (!asked.success) return refused('ValidationException', z.prettifyError(asked.error));
      const { Name, Value, Type, Overwrite } = asked.data;
      const before = stored.get(Name);
      if (before && !Overwrite) return refused('ParameterAlreadyExists', 'The parameter already exists.');
      const type = Type ?? before?.type;
      if (!type) return refused('ValidationException', 'A new parameter needs a type.');
      return answered({ Version: set(Name, Value, type).version, Tier: 'Standard' });
    },
  };

  return {
    /** Answers one call of the form `SERVICE.ACTION`; undefined where it is none of these. */
    answer: (target: string, body: unknown): AwsAnswer | undefined => actions[target]?.(body),
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
const seconds = (time: Date) => time.getTime() / 1000;
