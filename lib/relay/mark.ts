import type { Mark } from '../huawei/mark-as-read.ts';
import type { Receipt } from '../receipt/receipt.ts';

/** The mark that a receipt asks for; an empty group_id is none. */
export const markOf = ({ case_id, group_id, language, time_zone }: Receipt): Mark => ({
  case_id,
  ...(group_id && { group_id }),
  ...(language && { language }),
  ...(time_zone && { time_zone }),
});

/** Equal for marks that are one call, and for no others. */
export const keyOf = ({ case_id, group_id, language, time_zone }: Mark): string =>
  JSON.stringify([case_id, group_id, language, time_zone]);

/** Groups what asks for the same mark: the call is made once and its outcome is everyone's. */
export const coalesce = <T extends { mark: Mark }>(wishes: T[]): Map<string, T[]> =>
  Map.groupBy(wishes, wish => keyOf(wish.mark));
