/** Long unbroken runs: tokens, signatures and keys, also those that were never ours or were cut short. */
const OPAQUE = /[A-Za-z0-9+/=_%\\-]{40,}/g;
/** Who may not do what with which key or queue: long as a token, but the very thing that a person has to know. */
const ARN = /(\barn:aws[\w-]*:[a-z0-9-]+:[a-z0-9-]*:\d*:[\w+=,.@:/-]+)/;
/** A shorter secret would mask ordinary words; Huawei asks for six characters and more. */
const LEAST_CHARACTERS = 4;
const MOST_SECRETS = 20;

/** How others spell what they were sent: as it is, as in a header; or as in a JSON body. */
const spellingsOf = (secret: string): string[] => [secret, JSON.stringify(secret).slice(1, -1)];

/**
 * Takes secrets out of text that others wrote, should they repeat what we sent.
 *
 * @param secrets those that are known from the start
 */
export const createRedactor = (secrets: (string | undefined)[] = []) => {
  const known = new Set<string>();
  /** The longest first: a secret that is the beginning of another must not leave its end to be read. */
  let spellings: string[] = [];

  /** Remembers a secret; the oldest are forgotten, as they no longer open anything. */
  const learn = (secret: string | null | undefined) => {
    if (!secret || secret.length < LEAST_CHARACTERS) return;
    known.delete(secret);
    known.add(secret);
    for (const oldest of known) {
      if (known.size <= MOST_SECRETS) break;
      known.delete(oldest);
    }
    spellings = [...known].flatMap(spellingsOf).sort((a, b) => b.length - a.length);
  };
  secrets.forEach(learn);

  return {
    learn,
    redact(text: string): string {
      let clean = text;
      for (const spelling of spellings) clean = clean.replaceAll(spelling, '[redacted]');
      return clean
        .split(ARN)
        .map((part, index) => (index % 2 ? part : part.replace(OPAQUE, '[redacted]')))
        .join('');
    },
  };
};

export type Redactor = ReturnType<typeof createRedactor>;
