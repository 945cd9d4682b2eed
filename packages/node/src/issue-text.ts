import type { z } from 'zod';

/** What a schema found wrong, in the words of whoever wrote the value: what it must be, and what it is. */
export interface Complaint {
  /** Names and indices from the outermost value to the wrong one. */
  readonly path: readonly string[];
  /** Reads on after the name: `must be a number from 0 to 65535, not "x"`. */
  readonly problem: string;
}

type Issue = z.core.$ZodIssue;

/** Longest value that is shown whole. */
const MAX_SHOWN = 60;

const TYPES: Readonly<Record<string, string>> = {
  int: 'a whole number',
  number: 'a number',
  string: 'a text',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'an object',
  record: 'an object',
  null: 'null',
};

/** What the patterns of the contract stand for, by a part that tells them apart. */
const PATTERNS: readonly (readonly [part: string, name: string])[] = [
  ['{64}', 'a digest of 64 lower-case hexadecimal characters'],
  ['{72}', 'an address: q and 72 lower-case hexadecimal characters'],
  ['{2})*', 'lower-case hexadecimal, two characters a byte'],
  ['[1-9]', 'an amount: decimal digits in a text'],
];

/**
 * Every problem that zod found in a value. `input` is the value that was read: zod does not tell what it was given.
 * A key that does not exist is a problem of its own, named by its whole path; `what` says what such a key is called.
 */
export function complaintsOf(
  issues: readonly Issue[],
  input: unknown,
  what: 'setting' | 'field' | 'parameter',
): Complaint[] {
  return issues.flatMap((issue): Complaint[] => {
    const path = issue.path.map(String);
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => ({ path: [...path, key], problem: `there is no such ${what}` }));
    const given = valueAt(input, issue.path);
    return [
      {
        path,
        problem: given === undefined ? `is missing: it ${wanted(issue)}` : `${wanted(issue)}, not ${shown(given)}`,
      },
    ];
  });
}

/** `must be …`, by what the schema demands. */
function wanted(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${TYPES[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `must be ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}`;
    case 'too_small':
      return `must ${size(issue.origin)} ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}${measure(issue.origin)}`;
    case 'too_big':
      return `must ${size(issue.origin)} ${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}${measure(issue.origin)}`;
    case 'invalid_format':
      // A format of ours carries its own sentence; zod's name of a pattern says nothing.
      return issue.message.startsWith('must ') ? issue.message : `must be ${formatOf(issue)}`;
    case 'custom':
      return issue.message.startsWith('must ') ? issue.message : `must be valid (${issue.message})`;
    case 'invalid_union':
      // The one union that users write to is that of all JSON values.
      return 'must be a value of JSON';
    default:
      return 'must be what the documentation says';
  }
}

function formatOf(issue: Extract<Issue, { code: 'invalid_format' }>): string {
  if (issue.format === 'datetime') return 'a time such as 2026-01-31T12:00:00Z';
  const { pattern } = issue;
  if (pattern === undefined) return `a ${issue.format}`;
  return PATTERNS.find(([part]) => pattern.includes(part))?.[1] ?? `text of the form ${pattern}`;
}

function size(origin: string): string {
  return origin === 'string' || origin === 'array' ? 'have' : 'be';
}

function measure(origin: string): string {
  return origin === 'string' ? ' characters' : origin === 'array' ? ' entries' : '';
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const key of path) value = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
  return value;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}…`;
}
