import * as z from 'zod';
import type { Fault } from './faults.ts';

const userSchema = z.strictObject({
  name: z.string(),
  password: z.string(),
  /** Ids of the IAM user groups this user belongs to; absent = member of any. */
  groups: z.array(z.string()).optional(),
});

const accountSchema = z.strictObject({
  domain: z.string(),
  domainId: z.string().optional(),
  /** Project name to project id. */
  projects: z.record(z.string(), z.string()).default({}),
  users: z.array(userSchema),
});

/** As an administrator sets it up in IAM: an OpenID Connect provider with programmatic access. */
const identityProviderSchema = z.strictObject({
  /** The account it belongs to. */
  domain: z.string().default('acme'),
  issuer: z.string(),
  /** The client id: the `aud` that a token has to carry. */
  audience: z.string(),
  /** The issuer's key set, pasted as JSON text. */
  keys: z.string().max(30_000),
  /** Identity conversion: which `sub` becomes a member of which user group. */
  rules: z.array(z.strictObject({ sub: z.string(), group: z.string() })),
});

const accessKeySchema = z.strictObject({
  secretKey: z.string(),
  /** Set for temporary keys: `X-Security-Token` has to carry it. */
  securityToken: z.string().optional(),
  domainId: z.string().optional(),
});

const caseSchema = z.strictObject({
  /** Marking needs this `group_id`; absent = the caller's own case. */
  group: z.string().optional(),
  /** So many messages of the other side, far older than any receipt. */
  unread: z.number().int().min(0).default(1),
});

/** What the documentation leaves open about ListMessages, for tests to choose. */
export const listingSchema = z.strictObject({
  order: z.enum(['ascending', 'descending']).default('descending'),
  /** What stands behind a time; with `none` it is in the zone that was asked for by X-Time-Zone. */
  offset: z.union([z.literal('none'), z.string().regex(/^(Z|[+-]\d\d:?\d\d)$/)]).default('Z'),
  separator: z.enum(['T', ' ']).default('T'),
  /** Digits of the fraction; what is cut off is lost. */
  fraction: z.number().int().min(0).max(9).default(0),
  /** The zone of times without offset, whatever was asked for: `GMT+8`. */
  misreadZone: z.string().optional(),
});
/** Used where the options name no account. */
export const defaultAccount = {
  domain: 'acme',
  domainId: '0a1b2c3d4e5f60718293a4b5c6d7e8f9',
  projects: { 'ap-southeast-3': '9f8e7d6c5b4a39281706f5e4d3c2b1a0' },
  users: [{ name: 'relay', password: 'right-password' }],
};

export const optionsSchema = z.strictObject({
  accounts: z.array(accountSchema).default([defaultAccount]),
  /** Identity providers by their id. */
  identityProviders: z.record(z.string(), identityProviderSchema).default({}),
  /** AK/SK pairs by access key. */
  accessKeys: z.record(z.string(), accessKeySchema).default({}),
  /** Support cases by case id. */
  cases: z.record(z.string(), caseSchema).default({}),
  /** How ListMessages shows its list. */
  messageList: listingSchema.prefault({}),
  /** Every case id exists, with one old unread message at first. */
  openCases: z.boolean().default(false),
  /** Length of an issued token; real ones reach 60 KB. */
  tokenBytes: z.number().int().min(32).max(500_000).default(2_000),
  tokenSeconds: z.number().positive().default(86_400),
  /** Wrong passwords in a row that lock the user. */
  lockAfter: z.number().int().min(1).default(5),
  /** What the gateway passes in any window of one second, per operation, whoever calls; absent = no limit. */
  requestsPerSecond: z.number().int().min(1).optional(),
  latencyMs: z.number().min(0).default(0),
  /** A single request header longer than this is answered 494. */
  headerLimitBytes: z
    .number()
    .int()
    .min(1)
    .default(32 * 1024),
  /** How far this cloud's clock is from the machine's; the `Date` header tells it. */
  clockOffsetMs: z.number().default(0),
  /** The request log keeps so many, the newest; 0 keeps none, absent keeps all. */
  logAtMost: z.number().int().min(0).optional(),
  /** Faults that are there from the start. */
  faults: z.array(z.custom<Fault>(value => typeof value === 'object' && value !== null)).default([]),
});

export type HuaweiOptions = z.input<typeof optionsSchema>;
export type Settings = z.output<typeof optionsSchema>;
export type Account = Settings['accounts'][number];
export type User = Account['users'][number];
export type Listing = z.output<typeof listingSchema>;
export type IdentityProvider = Settings['identityProviders'][string];
export type AccessKey = Settings['accessKeys'][string];

export interface Clock {
  /** Add to it to let time pass: tokens expire, locks open, skew grows. */
  offsetMs: number;
  /** Milliseconds since the epoch. */
  now(): number;
}

/** Who calls, as the gateway found out. */
export interface Identity {
  /** Ids of the user groups; absent = member of any. */
  groups: string[] | undefined;
}
