/** Of polls in a row that brought nothing to look at, how much each proves; together this much ends a sweep. */
const PROOF = 200;
/** A poll that waited asked all of SQS's servers: two of them. */
const WAITED = 100;
/** One that did not wait asked some. Where as many were seen as SQS had counted: twenty of them. */
const QUICK = 10;
/** Messages that came too late, or nothing after a wait that was cut short: two hundred of them. */
const OTHER = 1;

/** A poll of one second that brings nothing takes so long, unless another took what ended its wait. */
const WAITED_MS = 900;

interface Poll {
  /** It brought something to look at. */
  fruitful: boolean;
  isEmpty: boolean;
  tookMs: number;
  /** As many were seen as SQS had counted at first. */
  sawAll: boolean;
}

/**
 * Whether a queue has nothing more to look at. SQS never says so for certain, and with newcomers arriving all the
 * time it never falls silent.
 *
 * @returns after each poll, whether that is proven
 */
export const createEmptiness = () => {
  let proof = 0;
  return ({ fruitful, isEmpty, tookMs, sawAll }: Poll): boolean => {
    if (fruitful) proof = 0;
    else if (isEmpty && tookMs >= WAITED_MS) proof += WAITED;
    else proof += isEmpty && sawAll ? QUICK : OTHER;
    return proof >= PROOF;
  };
};
