// Peer (c): the same as (b), one record after the other.
import { createHandler } from './powertools.ts';

export const handler = createHandler(false);
