import type { SQSEvent } from 'aws-lambda';
import { type LocalFunction, startFunction } from '../../local/function.ts';
import { type Door, openDoor } from './door.ts';

interface Instance {
  door: Door;
  running: LocalFunction;
  busy: boolean;
  /** It ends when its invocation does. */
  stale: boolean;
}

interface Options {
  bundle: string;
  /** Where the doors lead to. */
  target: string;
  env: Record<string, string>;
  timeoutMs: number;
  onLine: (line: string) => void;
}

/** The function's execution environments, each one process with a door of its own. */
export const createInstances = ({ bundle, target, env, timeoutMs, onLine }: Options) => {
  const open = new Set<Instance>();
  let started = 0;

  const start = async (): Promise<Instance> => {
    const door = await openDoor(target);
    const running = startFunction({
      bundle,
      timeoutMs,
      onLine,
      concurrency: 1,
      env: { ...env, OSM_ENDPOINT: door.url, IAM_ENDPOINT: door.url },
    });
    started += 1;
    const instance = { door, running, busy: true, stale: false };
    open.add(instance);
    return instance;
  };

  const end = async (instance: Instance) => {
    open.delete(instance);
    await instance.running.stop();
    instance.door.close();
  };

  return {
    /** How many processes there were. */
    started: () => started,

    async invoke(event: SQSEvent): Promise<string> {
      let instance = [...open].find(({ busy, stale }) => !busy && !stale);
      instance ??= await start();
      instance.busy = true;
      try {
        return await instance.running.invoke(event);
      } catch (error) {
        // Killed or out of time: a new process would be another instance.
        instance.stale = true;
        throw error;
      } finally {
        instance.busy = false;
        if (instance.stale) await end(instance);
      }
    },

    /** Replaces every instance as soon as it is idle, as Lambda does when it likes to. */
    async recycle() {
      await Promise.all(
        [...open].map(instance => {
          instance.stale = true;
          return instance.busy ? undefined : end(instance);
        }),
      );
    },

    /** Kills one that is at work; false where none is. */
    async kill(): Promise<boolean> {
      const instance = [...open].find(({ busy, stale }) => busy && !stale);
      if (!instance) return false;
      instance.stale = true;
      await instance.running.kill9();
      return true;
    },

    stop: async () => void (await Promise.all([...open].map(end))),
  };
};

export type Instances = ReturnType<typeof createInstances>;
