/** What every token of the stand-in begins with, and so much of it that it cannot be a word. */
const TOKEN = /MII[\w-]{20,}/;
const MOST_LINES_KEPT = 3000;

const formsOf = (secret: string): string[] => [
  secret,
  JSON.stringify(secret).slice(1, -1),
  encodeURIComponent(secret),
  Buffer.from(secret).toString('base64').replace(/=+$/, ''),
];

/** Reads every line that the functions write, and everything else that leaves them, for secrets. */
export const createWatch = (secrets: string[]) => {
  const forms = new Set(secrets.flatMap(formsOf));
  const leaks: string[] = [];
  const recent: string[] = [];
  let lines = 0;

  const check = (text: string, where: string) => {
    const token = TOKEN.exec(text)?.[0];
    if (token) leaks.push(`a token (${token.slice(0, 6)}…) in ${where}`);
    for (const form of forms) if (text.includes(form)) leaks.push(`a stored secret in ${where}`);
  };

  return {
    leaks,
    check,
    lines: () => lines,
    guard: (secret: string) => {
      for (const form of formsOf(secret)) forms.add(form);
    },
    read: (line: string) => {
      lines += 1;
      recent.push(line);
      if (recent.length > 2 * MOST_LINES_KEPT) recent.splice(0, MOST_LINES_KEPT);
      check(line, 'a log line');
    },
    /** The newest lines that speak of it. */
    linesAbout: (what: string) => recent.filter(line => line.includes(what)),
  };
};

export type Watch = ReturnType<typeof createWatch>;
