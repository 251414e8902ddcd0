/** Long unbroken runs: tokens, signatures and keys, also those that were never ours or were cut short. */
const OPAQUE = /[A-Za-z0-9+/=_%\\-]{40,}/g;
/** Who may not do what with which key or queue: long as a token, but the very thing that a person has to know. */
const ARN = /(\barn:aws[\w-]*:[a-z0-9-]+:[a-z0-9-]*:\d*:[\w+=,.@:/-]+)/;
/** A shorter secret would mask ordinary words; Huawei asks for six characters and more. */
const LEAST_CHARACTERS = 4;
const MOST_SECRETS = 20;

const inUrl = (text: string): string[] => [
  text,
  text.replace(/%[0-9A-F]{2}/g, hex => hex.toLowerCase()),
  text.replaceAll('%20', '+'),
];

/** How others spell what they were sent: as it is, in JSON, in a URL or form, in base64. */
const spellingsOf = (secret: string): string[] => {
  const url = encodeURIComponent(secret.toWellFormed());
  const strict = url.replace(/[!'()*]/g, c => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const bytes = Buffer.from(secret);
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    ...inUrl(url),
    ...inUrl(strict),
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('base64url'),
  ];
};

/**
 * Takes secrets out of text that others wrote, should they repeat what we sent.
 *
 * @param secrets those that are known from the start
 */
export const createRedactor = (secrets: (string | undefined)[] = []) => {
  const known = new Map<string, string[]>();

  /** Remembers a secret; the oldest are forgotten, as they no longer open anything. */
  const learn = (secret: string | null | undefined) => {
    if (!secret || secret.length < LEAST_CHARACTERS) return;
    known.delete(secret);
    known.set(secret, [...new Set(spellingsOf(secret))]);
    for (const oldest of known.keys()) {
      if (known.size <= MOST_SECRETS) break;
      known.delete(oldest);
    }
  };
  secrets.forEach(learn);

  return {
    learn,
    redact(text: string): string {
      let clean = text;
      for (const spellings of known.values()) {
        for (const spelling of spellings) clean = clean.replaceAll(spelling, '[redacted]');
      }
      return clean
        .split(ARN)
        .map((part, index) => (index % 2 ? part : part.replace(OPAQUE, '[redacted]')))
        .join('');
    },
  };
};

export type Redactor = ReturnType<typeof createRedactor>;
