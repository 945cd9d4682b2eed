import type { Decision } from '../decisions.ts';
import { FAULT_FAMILIES, type FaultFamily, type SeedOptions } from '../swarm/outcome.ts';
import { fieldsOf } from './choices.ts';
import { demandKnown, type Fields, isCount, isFields, readLines, refusal } from './lines.ts';

export const TRACE_FORMAT = 'quorate-trace';
const TRACE_VERSION = 1;

/** The settings of a run that do not follow from its seed; what is left out does. */
export type TraceConfiguration = Pick<SeedOptions, 'validators' | 'byzantine' | 'families' | 'until'>;

/** First line of a trace. */
export interface TraceHeader {
  readonly format: typeof TRACE_FORMAT;
  readonly version: number;
  readonly seed: number;
  readonly mechanism: 'simplex';
  readonly configuration: TraceConfiguration;
  /** What code made the trace, as whoever wrote it names code; a replay by other code may end otherwise. */
  readonly code: string;
  /** What the run showed: its first violation or its stall; null for a clean run. */
  readonly failure: string | null;
}

/** A run as its faults: what replays it, in a form that a person can edit. */
export interface Trace {
  readonly header: TraceHeader;
  readonly decisions: readonly Decision[];
}

/** A trace of a run with these options and decisions. `code` and `failure` as in {@link TraceHeader}. */
export function traceOf(
  options: SeedOptions,
  run: { readonly decisions: readonly Decision[]; readonly failure: string | null; readonly code: string },
): Trace {
  const { seed, mechanism, validators, byzantine, families, until } = options;
  const configuration = {
    ...(validators === undefined ? {} : { validators }),
    ...(byzantine === undefined ? {} : { byzantine }),
    ...(families === undefined ? {} : { families }),
    ...(until === undefined ? {} : { until }),
  };
  const { code, failure, decisions } = run;
  return {
    header: { format: TRACE_FORMAT, version: TRACE_VERSION, seed, mechanism, configuration, code, failure },
    decisions,
  };
}

/** The options that run a trace again: its decisions happen, and no other fault. */
export function optionsOf({ header, decisions }: Trace): SeedOptions {
  return { seed: header.seed, mechanism: header.mechanism, ...header.configuration, decisions };
}

/** A trace as JSON Lines: the header, then one decision a line. */
export function writeTrace({ header, decisions }: Trace): string {
  return `${[header, ...decisions].map((line) => JSON.stringify(line)).join('\n')}\n`;
}

/** Reads a trace. Throws `codec/invalid`, naming the line, for anything that is not one. Empty lines and lines that begin with # are skipped. */
export function readTrace(text: string): Trace {
  return readLines(text, { header: headerFrom, fieldsOf });
}

function headerFrom(value: Fields, place: string): TraceHeader {
  const { format, version, seed, mechanism, configuration, code, failure } = value;
  if (format !== TRACE_FORMAT) throw refusal(place, `is no header: its format is not "${TRACE_FORMAT}"`);
  if (version !== TRACE_VERSION) throw refusal(place, `has version ${String(version)}, this software reads 1`);
  if (!isCount(seed)) throw refusal(place, 'has no seed: a whole number of 0 or more');
  if (mechanism !== 'simplex')
    throw refusal(place, `names the mechanism ${JSON.stringify(mechanism)}: known is "simplex"`);
  if (typeof code !== 'string') throw refusal(place, 'does not say what code made it');
  if (failure !== null && typeof failure !== 'string')
    throw refusal(place, 'has a failure that is neither text nor null');
  if (!isFields(configuration)) throw refusal(place, 'has no configuration');
  demandKnown(value, ['format', 'version', 'seed', 'mechanism', 'configuration', 'code', 'failure'], place);
  return { format, version, seed, mechanism, configuration: configurationFrom(configuration, place), code, failure };
}

function configurationFrom(value: Fields, place: string): TraceConfiguration {
  const { validators, byzantine, families, until } = value;
  demandKnown(value, ['validators', 'byzantine', 'families', 'until'], place, 'setting');
  if (validators !== undefined && (!isCount(validators) || validators < 1))
    throw refusal(place, 'names no positive number of validators');
  if (until !== undefined && !(typeof until === 'number' && until > 0))
    throw refusal(place, 'has an end that is not after its start');
  return {
    ...(validators === undefined ? {} : { validators }),
    ...(byzantine === undefined ? {} : { byzantine: byzantineFrom(byzantine, place) }),
    ...(families === undefined ? {} : { families: familiesFrom(families, place) }),
    ...(until === undefined ? {} : { until }),
  };
}

function byzantineFrom(value: unknown, place: string): NonNullable<TraceConfiguration['byzantine']> | null {
  if (value === null) return null;
  if (isFields(value) && isCount(value.count) && typeof value.strategy === 'string') {
    demandKnown(value, ['count', 'strategy'], place, 'setting');
    return { count: value.count, strategy: value.strategy };
  }
  throw refusal(place, 'describes its Byzantine validators otherwise than by count and strategy');
}

function familiesFrom(value: unknown, place: string): readonly FaultFamily[] | 'all' | 'swarm' {
  if (value === 'all' || value === 'swarm') return value;
  if (!Array.isArray(value)) throw refusal(place, 'has families that are no list, nor "all" or "swarm"');
  return value.map((name: unknown) => {
    const known = FAULT_FAMILIES.find((family) => family === name);
    if (known === undefined) throw refusal(place, `names an unknown family of faults: ${JSON.stringify(name)}`);
    return known;
  });
}
