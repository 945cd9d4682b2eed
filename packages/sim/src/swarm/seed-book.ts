import { QuorateError } from '@quorate/kernel';
import type { Decision } from '../decisions.ts';
import { FAULT_FAMILIES, type FaultFamily, type SeedOptions } from './outcome.ts';

/** A seed that failed once. It stays in the book for ever. */
export interface Entry {
  readonly seed: number;
  /** What was wrong, and where it was mended. */
  readonly note: string;
  readonly options: Omit<SeedOptions, 'seed' | 'log'>;
}

/** Reads a page of the seed book. Throws `config/invalid` with the entry that is wrong. */
export function readSeedBook(json: string): Entry[] {
  let page: unknown;
  try {
    page = JSON.parse(json);
  } catch (error) {
    throw new QuorateError('config/invalid', 'the seed book is no JSON', { cause: error });
  }
  if (!Array.isArray(page)) throw new QuorateError('config/invalid', 'a page of the seed book is a list of entries');
  return page.map((entry: unknown, index) => readEntry(entry, index));
}

function readEntry(entry: unknown, index: number): Entry {
  const refuse = (what: string): never => {
    throw new QuorateError('config/invalid', `entry ${index} of the seed book: ${what}`);
  };
  const { seed, note, validators, families, until, byzantine, decisions } = recordOf(entry) ?? refuse('is no object');
  if (typeof seed !== 'number' || !Number.isSafeInteger(seed) || seed < 0) return refuse('seed must be a whole number');
  if (typeof note !== 'string' || note === '') return refuse('note must say what was wrong');
  const named = families === undefined ? undefined : Array.isArray(families) ? families.map(familyNamed) : null;
  if (named?.includes(null) || named === null) return refuse('families must be a list of families');
  const breakers = recordOf(byzantine);
  const { count, strategy } = breakers ?? {};
  if (breakers !== null && (typeof count !== 'number' || typeof strategy !== 'string')) {
    return refuse('byzantine must have a count and a strategy');
  }
  return {
    seed,
    note,
    options: {
      mechanism: 'simplex',
      ...(typeof validators === 'number' ? { validators } : {}),
      ...(named === undefined ? {} : { families: named.flatMap((family) => family ?? []) }),
      ...(typeof until === 'number' ? { until } : {}),
      ...(typeof count === 'number' && typeof strategy === 'string' ? { byzantine: { count, strategy } } : {}),
      ...(byzantine === null ? { byzantine: null } : {}),
      ...(Array.isArray(decisions) ? { decisions: decisions as Decision[] } : {}),
    },
  };
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === 'object' && value !== null ? { ...value } : null;
}

function familyNamed(name: unknown): FaultFamily | null {
  return FAULT_FAMILIES.find((family) => family === name) ?? null;
}
