/** Long unbroken runs: tokens, signatures and keys, also those that were never ours or were cut short. */
const OPAQUE = /[A-Za-z0-9+/=_%-]{40,}/g;
/** A shorter secret would mask ordinary words; Huawei asks for six characters and more. */
const LEAST_CHARACTERS = 4;
const MOST_SECRETS = 20;

/**
 * Takes secrets out of text that others wrote, should they repeat what we sent: literally, in JSON, in a
 * URL, in base64.
 */
export const createRedactor = () => {
  const known = new Set<string>();
  return {
    /** Remembers a secret; the oldest are forgotten, as they no longer open anything. */
    learn(secret: string | null | undefined) {
      if (!secret || secret.length < LEAST_CHARACTERS) return;
      const json = JSON.stringify(secret).slice(1, -1);
      const base64 = Buffer.from(secret).toString('base64').replace(/=+$/, '');
      for (const form of [secret, json, encodeURIComponent(secret), base64]) {
        known.delete(form);
        known.add(form);
      }
      for (const form of known) {
        if (known.size <= 4 * MOST_SECRETS) break;
        known.delete(form);
      }
    },
    redact(text: string): string {
      let clean = text;
      for (const secret of known) clean = clean.replaceAll(secret, '[redacted]');
      return clean.replace(OPAQUE, '[redacted]');
    },
  };
};

export type Redactor = ReturnType<typeof createRedactor>;
