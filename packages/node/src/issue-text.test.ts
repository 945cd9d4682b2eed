import { expect, it } from 'vitest';
import { z } from 'zod';
import { complaintsOf } from './issue-text.ts';

const schema = z.strictObject({
  whole: z.int().min(2).max(5),
  choice: z.enum(['p', 'q']),
  flag: z.boolean(),
  few: z.array(z.string()).min(1).max(1),
  name: z.string().min(1),
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  time: z.iso.datetime(),
  own: z.string().refine((text) => text === 'x', 'must be x'),
  any: z.json(),
});

const good = {
  whole: 2,
  choice: 'p',
  flag: true,
  few: ['a'],
  name: 'n',
  digest: 'ab'.repeat(32),
  time: '2026-01-31T12:00:00Z',
  own: 'x',
  any: null,
};

it.each<readonly [change: object, says: string]>([
  [{ whole: 'x' }, 'whole: must be a number, not "x"'],
  [{ whole: 2.5 }, 'whole: must be a whole number, not 2.5'],
  [{ whole: 1 }, 'whole: must be at least 2, not 1'],
  [{ whole: 6 }, 'whole: must be at most 5, not 6'],
  [{ whole: undefined }, 'whole: is missing: it must be a number'],
  [{ choice: 'z' }, 'choice: must be "p" or "q", not "z"'],
  [{ flag: 1 }, 'flag: must be true or false, not 1'],
  [{ few: [] }, 'few: must have at least 1 entries, not []'],
  [{ few: [1] }, 'few.0: must be a text, not 1'],
  [{ name: '' }, 'name: must have at least 1 characters, not ""'],
  [{ digest: 'me' }, 'digest: must be a digest of 64 lower-case hexadecimal characters, not "me"'],
  [{ time: 'now' }, 'time: must be a time such as 2026-01-31T12:00:00Z, not "now"'],
  [{ own: 'y' }, 'own: must be x, not "y"'],
  [{ any: undefined }, 'any: is missing: it must be a value of JSON'],
  [{ other: 1 }, 'other: there is no such field'],
  [{ name: 5, extra: 1 }, 'name: must be a text, not 5'],
  [{ flag: 'y'.repeat(500) }, `flag: must be true or false, not "${'y'.repeat(59)}…`],
])('%j is answered in words of ours', (change, says) => {
  const input = { ...good, ...change };
  const found = schema.safeParse(input);
  const [first] = complaintsOf(found.error?.issues ?? [], input, 'field');
  expect(`${first?.path.join('.')}: ${first?.problem}`).toBe(says);
});
