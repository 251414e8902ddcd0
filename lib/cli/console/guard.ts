import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';

const COOKIE = 'read_receipt_relay';
/** Only its own files, no frames, no forms to elsewhere. */
const POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "script-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

const HEADERS = {
  'Content-Security-Policy': POLICY,
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-store',
};

const isEqual = (a: string, b: string): boolean => {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
};

const random = (): string => randomBytes(24).toString('base64url');

/** The field `token` of a form. */
const tokenIn = async ({ req }: Context): Promise<string> => {
  if (!req.header('Content-Type')?.startsWith('application/x-www-form-urlencoded')) return '';
  const { token } = await req.parseBody();
  return typeof token === 'string' ? token : '';
};

/**
 * Lets in who opened the printed line, and nobody else: the one-time code becomes a cookie, and every request that
 * may change something carries a token beside it.
 *
 * @returns the code and the token, and the middleware that comes before every route
 */
export const createGuard = () => {
  const [code, session, token] = [random(), random(), random()];
  let isUsed = false;

  const guard: MiddlewareHandler = async (context, next) => {
    const { req } = context;
    const refuse = (words: string) => context.text(`${words}\n`, 403);
    for (const [name, value] of Object.entries(HEADERS)) context.header(name, value);
    const given = req.method === 'GET' ? req.query('code') : undefined;
    if (given !== undefined && !isUsed && isEqual(given, code)) {
      isUsed = true;
      setCookie(context, COOKIE, session, { path: '/', httpOnly: true, sameSite: 'Strict' });
      return context.redirect('/', 303);
    }
    // A code that was used already does no harm to who is in: a page opened anew.
    if (!isEqual(getCookie(context, COOKIE) ?? '', session))
      return refuse(
        given === undefined
          ? 'Open the address that the console printed in the terminal.'
          : 'This code was used, or is not the one: start the console again.',
      );
    const reads = req.method === 'GET' || req.method === 'HEAD';
    if (!reads && !isEqual(await tokenIn(context), token))
      return refuse('This request does not come from the page of this console.');
    return next();
  };

  return { code, token, guard };
};

export type Guard = ReturnType<typeof createGuard>;
