/** Long unbroken runs: tokens, signatures and keys, also those that were never ours or were cut short. */
const OPAQUE = /[A-Za-z0-9+/=_%\\-]{40,}/g;
/** Who may not do what with which key or queue: long as a token, but the very thing that a person has to know. */
const ARN = /(\barn:aws[\w-]*:[a-z0-9-]+:[a-z0-9-]*:\d*:[\w+=,.@:/-]+)/;
/** A shorter secret would mask ordinary words; Huawei asks for six characters and more. */
const LEAST_CHARACTERS = 4;
/** The base64 of a shorter one would. */
const LEAST_IN_BASE64 = 6;
const MOST_SECRETS = 20;

const NAMED: Record<string, string> = { quot: '"', amp: '&', apos: "'", lt: '<', gt: '>' };
const fromHtml = (text: string) =>
  text.replace(/&(?:#(\d{1,6})|#[xX]([\da-fA-F]{1,5})|(quot|amp|apos|lt|gt));/g, (as, decimal, hex, name) =>
    name ? (NAMED[name] ?? as) : String.fromCodePoint(decimal ?? Number.parseInt(hex, 16)),
  );
const fromJson = (text: string) =>
  text.replace(/\\(?:u[\da-fA-F]{4}|["\\/bfnrt])/g, each => JSON.parse(`"${each}"`));
const fromUrl = (text: string) =>
  text.replace(/(?:%[\da-f]{2})+/gi, bytes => Buffer.from(bytes.replaceAll('%', ''), 'hex').toString());
const fromForm = (text: string) => fromUrl(text.replaceAll('+', ' '));

const fromJsonInJson = (text: string) => fromJson(fromJson(text));
const fromJsonInHtml = (text: string) => fromJson(fromHtml(text));
const fromJsonInUrl = (text: string) => fromJson(fromUrl(text));

/** Others spell what they were sent in these ways. */
const decoders = [fromJson, fromJsonInJson, fromHtml, fromJsonInHtml, fromUrl, fromForm, fromJsonInUrl];

const inBase64 = (secret: string): string[] => {
  if (secret.length < LEAST_IN_BASE64) return [];
  return (['base64', 'base64url'] as const).map(kind =>
    Buffer.from(secret).toString(kind).replace(/=+$/, ''),
  );
};

/**
 * Takes secrets out of text that others wrote, should they repeat what we sent. Text that spells one in another way
 * is given decoded.
 *
 * @param secrets those that are known from the start
 */
export const createRedactor = (secrets: (string | undefined)[] = []) => {
  const known = new Set<string>();
  /** The longest first: a secret that is the beginning of another must not leave its end to be read. */
  let masked: string[] = [];

  /** Remembers a secret; the oldest are forgotten, as they no longer open anything. */
  const learn = (secret: string | null | undefined) => {
    if (!secret || secret.length < LEAST_CHARACTERS) return;
    known.delete(secret);
    known.add(secret);
    for (const oldest of known) {
      if (known.size <= MOST_SECRETS) break;
      known.delete(oldest);
    }
    masked = [...known].flatMap(each => [each, ...inBase64(each)]).sort((a, b) => b.length - a.length);
  };
  secrets.forEach(learn);

  const mask = (text: string) => masked.reduce((clean, each) => clean.replaceAll(each, '[redacted]'), text);

  return {
    learn,
    redact(text: string): string {
      let clean = mask(text);
      for (const decode of decoders) {
        const decoded = decode(clean);
        const found = mask(decoded);
        if (found !== decoded) clean = found;
      }
      return clean
        .split(ARN)
        .map((part, index) => (index % 2 ? part : part.replace(OPAQUE, '[redacted]')))
        .join('');
    },
  };
};

export type Redactor = ReturnType<typeof createRedactor>;
