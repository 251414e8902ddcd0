/**
 * Edits JSON in its text, so that everything else stays byte for byte: spaces, the order of fields, fields that
 * occur twice, and the spelling of numbers, which JSON.parse and JSON.stringify would round. Without recursion:
 * depth costs nothing. All texts are valid JSON, which the caller has made sure of.
 */
export interface Member {
  name: string;
  /** Of the value: its first character, and the one after its last. */
  from: number;
  to: number;
}

const pastSpace = (text: string, at: number): number => {
  let i = at;
  while (' \t\n\r'.includes(text[i] as string)) i++;
  return i;
};

const pastString = (text: string, at: number): number => {
  let i = at + 1;
  while (text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
  return i + 1;
};

const pastValue = (text: string, at: number): number => {
  if (text[at] === '"') return pastString(text, at);
  let depth = 0;
  let i = at;
  for (;;) {
    const character = text[i] ?? '';
    if (character === '"') {
      i = pastString(text, i);
      continue;
    }
    if (depth === 0 && (character === '' || ',}] \t\n\r'.includes(character))) return i;
    if (character === '{' || character === '[') depth++;
    if (character === '}' || character === ']') depth--;
    i++;
    if (depth === 0 && (character === '}' || character === ']')) return i;
  }
};

/** The members of the object that begins at `at`, and where its closing brace is. */
const read = (text: string, at: number): { members: Member[]; end: number } => {
  const members: Member[] = [];
  let i = pastSpace(text, pastSpace(text, at) + 1);
  while (text[i] !== '}') {
    if (text[i] === ',') i = pastSpace(text, i + 1);
    const nameEnd = pastString(text, i);
    const from = pastSpace(text, pastSpace(text, nameEnd) + 1);
    const to = pastValue(text, from);
    members.push({ name: JSON.parse(text.slice(i, nameEnd)), from, to });
    i = pastSpace(text, to);
  }
  return { members, end: i };
};

/** The field that JSON.parse would give: of several of one name, the last. */
export const findMember = (text: string, name: string): Member | undefined =>
  read(text, 0).members.findLast(member => member.name === name);

/**
 * Sets fields of the object that begins at `at`: in place where they are, else after the last one.
 *
 * @returns the whole text
 */
export const setMembers = (text: string, at: number, values: Record<string, unknown>): string => {
  const { members, end } = read(text, at);
  let edited = '';
  let done = 0;
  for (const { name, from, to } of members) {
    if (values[name] === undefined || !Object.hasOwn(values, name)) continue;
    edited += text.slice(done, from) + JSON.stringify(values[name]);
    done = to;
  }
  const there = new Set(members.map(({ name }) => name));
  const added = Object.entries(values)
    .filter(([name, value]) => !there.has(name) && value !== null && value !== undefined)
    .map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  if (added.length > 0) {
    // Right after the last value, in front of the space that a printed object ends with.
    const last = members.at(-1)?.to ?? pastSpace(text, at) + 1;
    edited += text.slice(done, last) + (members.length > 0 ? ',' : '') + added.join(',');
    done = last;
  }
  return edited + text.slice(done, end) + text.slice(end);
};
