import { FAULT_FAMILIES } from './outcome.ts';

/** Columns: kinds of messages by how the names that {@link Coverage} gives them begin. */
const COLUMNS: readonly (readonly [title: string, holds: (kind: string, rule: string) => boolean])[] = [
  ['proposal', (kind, rule) => kind === 'proposal' && rule === 'S2'],
  ['vote', (kind) => kind.startsWith('vote ')],
  ['certificate', (kind) => kind.startsWith('certificate ')],
  ['asking', (_, rule) => rule === 'S4'],
  ['bodies', (_, rule) => rule === 'bodies'],
  ['sync', (_, rule) => rule === 'sync'],
  ['gossip', (_, rule) => rule === 'gossip'],
];

/**
 * What a campaign has seen, as lines: a row for each family of faults that struck, a column for each kind of message, and in the
 * cells by how many distinct rules such messages were said, and how many of them were read (one in eight is). Rules of the engine
 * are those of its specification; outside the engine each name of a message stands for one. `–`: none.
 */
export function coverageTable(coverage: Readonly<Record<string, number>>): string[] {
  const cells = new Map<string, { readonly rules: Set<string>; count: number }>();
  for (const [name, count] of Object.entries(coverage)) {
    const [family = '', kind = '', rule = ''] = name.split('/');
    const column = COLUMNS.find(([, holds]) => holds(kind, rule));
    if (column === undefined) continue;
    const place = `${family}/${column[0]}`;
    const cell = cells.get(place) ?? { rules: new Set(), count: 0 };
    cells.set(place, cell);
    cell.rules.add(`${kind}/${rule}`);
    cell.count += count;
  }
  const families = FAULT_FAMILIES.filter((family) => COLUMNS.some(([title]) => cells.has(`${family}/${title}`)));
  const rows = families.map((family) => [
    family,
    ...COLUMNS.map(([title]) => {
      const cell = cells.get(`${family}/${title}`);
      return cell === undefined ? '–' : `${cell.rules.size}/${short(cell.count)}`;
    }),
  ]);
  if (rows.length === 0) return [];
  const table = [['rules/messages', ...COLUMNS.map(([title]) => title)], ...rows];
  const widths = table[0]?.map((_, at) => Math.max(...table.map((row) => row[at]?.length ?? 0))) ?? [];
  return table.map((row) =>
    row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart((widths[at] ?? 0) + 2))).join(''),
  );
}

/** `934`, `12k`, `3.4M`. */
function short(count: number): string {
  if (count < 10_000) return String(count);
  return count < 1_000_000 ? `${Math.round(count / 1000)}k` : `${(count / 1_000_000).toFixed(1)}M`;
}
