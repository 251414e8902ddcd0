import type { Metafile } from 'esbuild';
import { targets } from '../bundles.ts';
import type { Scenario } from '../scenario.ts';
import { digits } from '../stats.ts';

type Output = Metafile['outputs'][string];

const packageOf = (input: string): string => {
  const name = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)?.[1] ?? 'own code';
  return name.replace(/^(@aws-sdk|@smithy)\/.*/, '$1/…');
};

/** Bytes by the package they come from, largest first; what is under 2 KB together. */
const byPackage = (outputs: Output[]): string => {
  const sums = new Map<string, number>();
  for (const { inputs } of outputs)
    for (const [input, { bytesInOutput }] of Object.entries(inputs))
      sums.set(packageOf(input), (sums.get(packageOf(input)) ?? 0) + bytesInOutput);
  const large = [...sums].filter(([, bytes]) => bytes >= 2000).sort(([, a], [, b]) => b - a);
  const rest = [...sums.values()].filter(bytes => bytes < 2000).reduce((sum, bytes) => sum + bytes, 0);
  return [...large, ...(rest > 0 ? [['the rest', rest] as const] : [])]
    .map(([name, bytes]) => `${name} ${digits(bytes / 1000)}`)
    .join(', ');
};

/** The file that Lambda imports and all that it imports in turn; what `import()` loads later; in this order. */
const parted = ({ outputs }: Metafile): [Output[], Output[]] => {
  const atOnce = new Set<string>();
  const visit = (file: string) => {
    if (atOnce.has(file) || !outputs[file]) return;
    atOnce.add(file);
    for (const { path, kind } of outputs[file].imports) if (kind === 'import-statement') visit(path);
  };
  // The entry that is not itself loaded by `import()`.
  const later = new Set(
    Object.values(outputs).flatMap(({ imports }) =>
      imports.filter(({ kind }) => kind === 'dynamic-import').map(({ path }) => path),
    ),
  );
  for (const [file, { entryPoint }] of Object.entries(outputs))
    if (entryPoint && !later.has(file)) visit(file);
  const entries = Object.entries(outputs);
  return [
    entries.filter(([file]) => atOnce.has(file)).map(([, output]) => output),
    entries.filter(([file]) => !atOnce.has(file)).map(([, output]) => output),
  ];
};

const sizeOf = (outputs: Output[]): number => outputs.reduce((sum, { bytes }) => sum + bytes, 0) / 1000;

export const sizes: Scenario = async ({ metafiles }) => {
  const rows = targets.map(({ name, title }) => {
    const [now, later] = parted(metafiles[name] as Metafile);
    return { title, now, later };
  });
  const total = sizeOf(
    rows.flatMap(row => (row.title === targets[0]?.title ? [...row.now, ...row.later] : [])),
  );
  return {
    title: 'What is bundled, and what is loaded at import',
    columns: ['', 'loaded at import, KB', 'loaded when needed, KB', 'by dependency, KB'],
    rows: rows.map(({ title, now, later }) => [
      title,
      digits(sizeOf(now)),
      digits(sizeOf(later)),
      `${byPackage(now)}${later.length > 0 ? `; when needed: ${byPackage(later)}` : ''}`,
    ]),
    goals: [{ name: 'our whole bundle, KB', value: total, atMost: 400 }],
    notes: [
      'Minified, as esbuild counts. What is loaded when needed is for the unhappy path, signed requests and the check-up.',
    ],
    bars: [
      {
        title: 'Loaded at import',
        unit: 'KB',
        bars: rows.map(({ title, now }) => ({ title, value: sizeOf(now) })),
      },
    ],
  };
};
