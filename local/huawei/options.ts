import type { Fault } from './faults.ts';

/** The one account here: its user, and its projects with their ids. */
export const account = {
  domain: 'acme',
  domainId: '0a1b2c3d4e5f60718293a4b5c6d7e8f9',
  projects: { 'ap-southeast-3': '9f8e7d6c5b4a39281706f5e4d3c2b1a0' },
  user: 'relay',
  password: 'right-password',
};

/** As an administrator sets it up in IAM: an OpenID Connect provider with programmatic access. */
export interface IdentityProvider {
  issuer: string;
  /** The client id: the `aud` that a token has to carry. */
  audience: string;
  /** The issuer's key set, pasted as JSON text. */
  keys: string;
  /** Identity conversion: which `sub` becomes a member of a user group. */
  rules: { sub: string }[];
}

export interface NewCase {
  /** Marking needs this `group_id`; absent = the caller's own case. */
  group?: string;
  /** So many messages of the other side, far older than any receipt. @default 1 */
  unread?: number;
}

export const defaults = {
  /** The user's password, at first. */
  password: account.password,
  /** Identity providers by their id. */
  identityProviders: {} as Record<string, IdentityProvider>,
  /** Secret keys by access key. */
  accessKeys: {} as Record<string, string>,
  /** Support cases by case id. */
  cases: {} as Record<string, NewCase>,
  /** Every case id exists, with one old unread message at first. */
  openCases: false,
  /** Length of an issued token; real ones reach 60 KB. */
  tokenBytes: 2_000,
  tokenSeconds: 86_400,
  /** Wrong passwords in a row that lock the user. */
  lockAfter: 5,
  /** What the gateway passes in any window of one second, per operation. */
  requestsPerSecond: Number.POSITIVE_INFINITY,
  latencyMs: 0,
  /** A single request header longer than this is answered 494. */
  headerLimitBytes: 32 * 1024,
  /** How far this cloud's clock is from the machine's; the `Date` header tells it. */
  clockOffsetMs: 0,
  /** Whether `requests` is filled. */
  keepsRequests: true,
  /** Faults that are there from the start. */
  faults: [] as Fault[],
};

export type Settings = typeof defaults;
export type HuaweiOptions = Partial<Settings>;

export interface Clock {
  /** Add to it to let time pass: tokens expire, locks open, skew grows. */
  offsetMs: number;
  /** Milliseconds since the epoch. */
  now(): number;
}
