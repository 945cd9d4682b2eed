import { QuorateError } from '@quorate/kernel';
import type { Choice, Decision } from '../decisions.ts';

// What the traces of whole replicas and of engines alone have in common: a header, then one decision a line.

/** An object of a trace, not looked into. */
export type Fields = Readonly<Record<string, unknown>>;

/** How one kind of traces reads what is its own. Both throw {@link refusal}. */
interface Reading<H> {
  readonly header: (value: Fields, place: string) => H;
  /** The fields that a choice of this domain and kind may have besides its kind; null where nobody knows. */
  readonly fieldsOf: (domain: string, kind: string) => readonly string[] | null;
}

/** Reads header and decisions. Empty lines and lines that begin with # are skipped. Throws `codec/invalid`, naming the line. */
export function readLines<H>(
  text: string,
  { header: headerFrom, fieldsOf }: Reading<H>,
): { readonly header: H; readonly decisions: readonly Decision[] } {
  let header: { readonly read: H } | null = null;
  const decisions: Decision[] = [];
  const asked = new Set<string>();
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const place = `line ${index + 1} of the trace`;
    const value = parsed(line, place);
    if (header === null) {
      header = { read: headerFrom(value, place) };
      continue;
    }
    const decision = decisionFrom(value, place);
    const name = `${decision.domain}#${decision.index}`;
    if (asked.has(name)) throw refusal(place, `decides ${name} a second time`);
    asked.add(name);
    const known = fieldsOf(decision.domain, decision.choice.kind);
    const stranger = known === null ? undefined : Object.keys(decision.choice).find((field) => !isOneOf(field, known));
    if (stranger !== undefined) throw refusal(place, `has a choice with an unknown field "${stranger}"`);
    decisions.push(decision);
  }
  if (header === null) throw refusal('the trace', 'is empty: its first line must be a header');
  return { header: header.read, decisions };
}

function isOneOf(field: string, known: readonly string[]): boolean {
  return field === 'kind' || known.includes(field);
}

/** What is wrong, and where. */
export function refusal(place: string, what: string, cause?: unknown): QuorateError {
  return new QuorateError('codec/invalid', `${place} ${what}`, { cause });
}

/** Refuses an object with a field that is none of these. `what`: how such a field is called. */
export function demandKnown(value: Fields, known: readonly string[], place: string, what = 'field'): void {
  const stranger = Object.keys(value).find((name) => !known.includes(name));
  if (stranger !== undefined) throw refusal(place, `has an unknown ${what} "${stranger}"`);
}

/** Whether a value is an object with fields. */
export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether a value is a whole number of 0 or more. */
export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function parsed(line: string, place: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw refusal(place, 'is not JSON', error);
  }
  if (!isFields(value)) throw refusal(place, 'is not an object');
  return value;
}

function decisionFrom(value: Fields, place: string): Decision {
  const { domain, index, choice } = value;
  if (typeof domain !== 'string' || domain === '') throw refusal(place, 'has no domain');
  if (!isCount(index)) throw refusal(place, 'has no index: a whole number of 0 or more');
  demandKnown(value, ['domain', 'index', 'choice'], place);
  return { domain, index, choice: choiceFrom(choice, place) };
}

function choiceFrom(value: unknown, place: string): Choice {
  if (!isFields(value) || typeof value.kind !== 'string') throw refusal(place, 'has no choice with a kind');
  const fields = Object.entries(value).map(([name, field]): [string, string | number | boolean] => {
    if (typeof field === 'string' || typeof field === 'boolean') return [name, field];
    if (typeof field === 'number' && Number.isFinite(field)) return [name, field];
    throw refusal(place, `has a choice whose "${name}" is not text, a number, true or false`);
  });
  return { ...Object.fromEntries(fields), kind: value.kind };
}
