import { readFile } from 'node:fs/promises';
import { QuorateError } from '@quorate/kernel';
import { Regions } from './regions.ts';

/** Largest file of measurements. */
const MOST_BYTES = 64 << 20;
/** The name by which users know a cloud region, at the end of a longer one. */
const CLOUD_REGION = /\b[a-z]{2}-[a-z]+-\d+$/;

/** A square table of round trips in ms. */
interface Table {
  readonly names: readonly string[];
  readonly roundTrips: readonly number[];
}

/**
 * Reads measured round trips in ms: JSON `{ data: { from: { to: ms } } }`, or CSV whose first row and column are names. `slower` is
 * another such file of the same places at the 90th percentile, from which the jitter follows. Throws `config/invalid` for a file that
 * cannot be read or is no complete table.
 */
export async function loadRegions(file: string, slower?: string): Promise<Regions> {
  const [text, slow] = await Promise.all([read(file), slower === undefined ? null : read(slower)]);
  return parseRegions(text, slow ?? undefined);
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new QuorateError('config/invalid', `the latencies in ${file} cannot be read`, { cause });
  }
}

/** Like {@link loadRegions}, from the contents of the files. */
export function parseRegions(text: string, slower?: string): Regions {
  const { names, roundTrips } = parseTable(text);
  if (slower === undefined) return new Regions(names, roundTrips);
  const slow = parseTable(slower);
  const placeOf = new Map(slow.names.map((name, index) => [name, index]));
  const order = names.map((name) => {
    const place = placeOf.get(name);
    if (place === undefined) throw new QuorateError('config/invalid', `the slower table does not know ${name}`);
    return place;
  });
  const aligned = order.flatMap((a) => order.map((b) => slow.roundTrips[a * slow.names.length + b] ?? Number.NaN));
  return new Regions(names, roundTrips, aligned);
}

function parseTable(text: string): Table {
  if (text.length > MOST_BYTES)
    throw new QuorateError('config/invalid', `a table of latencies has at most ${MOST_BYTES} bytes`);
  return /^\s*\{/.test(text) ? parseJson(text) : parseCsv(text);
}

function parseJson(text: string): Table {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    throw new QuorateError('config/invalid', 'the table of latencies is no JSON', { cause });
  }
  const data = isRecord(document) && isRecord(document.data) ? document.data : document;
  if (!isRecord(data))
    throw new QuorateError('config/invalid', 'a table of latencies is { data: { from: { to: ms } } }');
  const names = Object.keys(data).sort();
  const roundTrips = names.flatMap((from) => {
    const row = data[from];
    return names.map((to) => {
      const ms = isRecord(row) && Object.hasOwn(row, to) ? row[to] : undefined;
      if (typeof ms !== 'number') throw new QuorateError('config/invalid', `no round trip from ${from} to ${to}`);
      return ms;
    });
  });
  return { names, roundTrips };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseCsv(text: string): Table {
  const rows = text
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '')
    .map((line) => cellsOf(line));
  const [header, ...body] = rows;
  if (header === undefined) throw new QuorateError('config/invalid', 'the table of latencies is empty');
  const names = header.slice(1).map(nameOf);
  const roundTrips = body.flatMap(([name = '', ...cells], index) => {
    if (nameOf(name) !== names[index]) {
      throw new QuorateError(
        'config/invalid',
        `row ${index + 1} is of ${name}, column ${index + 1} of ${names[index] ?? 'nobody'}`,
      );
    }
    return names.map((to, column) => {
      const cell = cells[column] ?? '';
      const ms = cell === '' ? Number.NaN : Number(cell);
      if (Number.isNaN(ms))
        throw new QuorateError('config/invalid', `no round trip from ${name} to ${to}: ${cell || 'nothing'}`);
      return ms;
    });
  });
  return { names, roundTrips };
}

/** Cells of a line, quotes taken off; empty ones at the end do not count. */
function cellsOf(line: string): string[] {
  const cells = [...line.matchAll(/(?:"((?:[^"]|"")*)"|([^,]*))(?:,|$)/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain?.trim() ?? '',
  );
  while (cells.length > 1 && cells[cells.length - 1] === '') cells.pop();
  return cells;
}

function nameOf(cell: string): string {
  return CLOUD_REGION.exec(cell)?.[0] ?? cell;
}
