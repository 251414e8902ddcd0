/** All alike in a part that no log line may show; with what JSON, a URL or an encoding could trip over. */
export const createPasswords = () => {
  let count = 0;
  return { next: () => `Sesame-${++count}-"öffne\\dich"` };
};

/** As the secret store keeps it. */
export const secretOf = (password: string): string =>
  JSON.stringify({ type: 'password', domain: 'acme', user: 'relay', password });
