/** The package's own name, so that no stranger's package of a shorter name can ever answer. */
export const NAME = 'read-receipt-relay';

/** As a POSIX shell reads it back. */
const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

/**
 * Suggested commands: each a line of its own that can be pasted as it stands, with the stage that was given.
 *
 * @example commandsFor('prod')('list', '--code', 'forbidden') // `  npx read-receipt-relay list …`
 */
export const commandsFor =
  (stage: string | undefined) =>
  (...words: string[]): string =>
    `  npx ${[NAME, ...words, ...(stage === undefined ? [] : ['--stage', stage])].map(quoted).join(' ')}`;

export type Commands = ReturnType<typeof commandsFor>;
