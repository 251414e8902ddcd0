import type { Trouble } from '../../local/huawei/faults.ts';
import type { LoggedRequest } from '../../local/huawei/requests.ts';
import type { Huawei } from '../../local/huawei/server.ts';

/** Breaks requests to Huawei, and remembers which were broken and how. */
export const createBreaks = (faults: Huawei['faults']) => {
  /** By request id. */
  const troubles = new Map<string, Trouble>();
  return {
    troubles,
    /** `choose` gives one of `options`, or nothing; it is asked once about each request. Undone by what it returns. */
    breakHuawei(options: Trouble[], choose: (request: LoggedRequest) => Trouble | undefined): () => void {
      const chosen = new WeakMap<LoggedRequest, Trouble | 'none'>();
      const isFor = (option: Trouble) => (request: LoggedRequest) => {
        let choice = chosen.get(request);
        if (!choice) {
          choice = choose(request) ?? 'none';
          chosen.set(request, choice);
        }
        if (choice !== option) return false;
        troubles.set(request.requestId, option);
        return true;
      };
      const handles = options.map(option => faults.add({ ...option, match: isFor(option) }));
      return () => {
        for (const handle of handles) handle.remove();
      };
    },
  };
};
