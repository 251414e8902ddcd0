import type { Receipt, Verdict } from './receipts.ts';

/** The repair that replays make, and no other. */
export const REPAIR = { group_id: 'team-9' };

const inside = (body: string): Record<string, unknown> | undefined => {
  try {
    const json = JSON.parse(body);
    return json.case_id !== undefined
      ? json
      : json.Type === 'Notification'
        ? JSON.parse(json.Message)
        : 'detail-type' in json
          ? json.detail
          : json.data;
  } catch {
    return undefined;
  }
};

/** What a body asks for that a replay has changed: the original with the repair in it, all else as it was. */
export const judgeRepair = (receipt: Receipt, body: string): Verdict | undefined => {
  if (!('mark' in receipt.verdict)) return undefined;
  const [original, repaired] = [inside(receipt.body), inside(body)];
  if (!original || !repaired) return undefined;
  const wanted = { ...original, ...REPAIR };
  const same = Object.keys({ ...wanted, ...repaired }).every(
    name => JSON.stringify(wanted[name as never]) === JSON.stringify(repaired[name]),
  );
  return same ? { mark: { ...receipt.verdict.mark, ...REPAIR } } : undefined;
};
