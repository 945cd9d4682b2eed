import { QuorateError } from '@quorate/kernel';
import type { Decision } from '../decisions.ts';
import { testOf } from '../trace/regression.ts';
import type { LightOutcome } from './seed.ts';
import { runLightSeed } from './seed.ts';
import { LIGHT_FAMILIES, type LightSeedOptions } from './seed-configuration.ts';

const FORMAT = 'quorate-light-trace';
const VERSION = 1;

type Listed = LightSeedOptions & { readonly decisions: readonly Decision[] };
type Fields = Readonly<Record<string, unknown>>;

/** A run of engines alone told as lines, with what became of it. */
export interface LightReplay {
  readonly outcome: LightOutcome;
  readonly lines: readonly string[];
}

/** Whether a text is a trace of engines alone: of whole replicas there are others. */
export function isLightTrace(text: string): boolean {
  return text.split('\n').some((line) => line.startsWith('{') && line.includes(`"format":"${FORMAT}"`));
}

/** A run of engines alone as its faults, in JSON Lines: a header, then one decision a line. `code` says what code made it. */
export function writeLightTrace(
  options: Listed,
  run: { readonly failure: string | null; readonly code: string },
): string {
  const { seed, decisions, log, brief, ...configuration } = options;
  const header = { format: FORMAT, version: VERSION, seed, configuration, ...run };
  return `${[header, ...decisions].map((line) => JSON.stringify(line)).join('\n')}\n`;
}

/** The options that run a trace again. Throws `codec/invalid`, naming the line, for anything that is not one. */
export function readLightTrace(text: string): Listed {
  let options: LightSeedOptions | null = null;
  const decisions: Decision[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const place = `line ${index + 1} of the trace`;
    const value = parsed(line, place);
    if (options === null) options = optionsFrom(value, place);
    else decisions.push(decisionFrom(value, place));
  }
  if (options === null) throw refusal('the trace', 'is empty: its first line must be a header');
  return { ...options, decisions };
}

/** Runs a seed or a trace again and tells what happens: the last `lastMs` before its end, or everything. */
export function replayLight(
  options: LightSeedOptions,
  lastMs = Number.POSITIVE_INFINITY,
  run: (options: LightSeedOptions) => LightOutcome = runLightSeed,
): LightReplay {
  const lines: string[] = [];
  const outcome = run({ ...options, brief: true, log: (line) => lines.push(line) });
  const { seed, finalized, virtualMs, events, hash, violations, stall } = outcome;
  const head = `seed ${seed}: ${finalized} heights in ${(virtualMs / 1000).toFixed(1)} virtual s, ${events} steps, hash ${hash}`;
  const faults = outcome.decisions.map(
    ({ domain, index, choice }) => `FAULT ${domain}#${index} ${JSON.stringify(choice)}`,
  );
  const end = [
    ...violations.slice(0, 8).map((sentence) => `VIOLATION of ${sentence}`),
    ...(stall === null ? [] : [`STALL: ${stall}`]),
  ];
  const shown = lines.filter((line) => Number.parseFloat(line) >= virtualMs - lastMs);
  return { outcome, lines: [head, ...faults, ...shown, ...end] };
}

/** A test file for vitest that replays a failing run of engines alone and expects a clean one. */
export function lightRegressionTest(
  options: Listed,
  about: { readonly tag: string; readonly what: string; readonly failure: string | null },
): string {
  const { seed, decisions, log, brief, ...configuration } = options;
  const title = `${about.tag}: seed ${seed} with ${decisions.length} decisions is clean`;
  const settings = { seed, ...configuration };
  return testOf({ title, what: about.what, failure: about.failure, run: 'runLightSeed', settings, decisions });
}

function refusal(place: string, what: string): QuorateError {
  return new QuorateError('codec/invalid', `${place} ${what}`);
}

function parsed(line: string, place: string): Fields {
  try {
    const value: unknown = JSON.parse(line);
    if (isFields(value)) return value;
  } catch {
    throw refusal(place, 'is not JSON');
  }
  throw refusal(place, 'is not an object');
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function optionsFrom({ format, version, seed, configuration }: Fields, place: string): LightSeedOptions {
  if (format !== FORMAT) throw refusal(place, `is no header: its format is not "${FORMAT}"`);
  if (version !== VERSION) throw refusal(place, `has version ${String(version)}, this software reads ${VERSION}`);
  if (!isCount(seed)) throw refusal(place, 'has no seed: a whole number of 0 or more');
  if (!isFields(configuration)) throw refusal(place, 'has no configuration');
  const options: Record<string, unknown> = { seed };
  for (const [name, value] of Object.entries(configuration)) {
    if (!SETTINGS[name]?.(value)) throw refusal(place, `has a configuration with ${name}: ${JSON.stringify(value)}`);
    options[name] = value;
  }
  return options as unknown as LightSeedOptions;
}

/** What may stand in a configuration. */
const SETTINGS: Readonly<Record<string, (value: unknown) => boolean>> = {
  validators: isCount,
  weights: (value) => value === 'equal' || value === 'mixed',
  byzantine: (value) => value === null || typeof value === 'string',
  families: (value) =>
    value === 'all' || (Array.isArray(value) && value.every((one) => LIGHT_FAMILIES.some((family) => family === one))),
  lastHeight: (value) => value === null || isCount(value),
  until: isCount,
};

function decisionFrom({ domain, index, choice }: Fields, place: string): Decision {
  if (typeof domain !== 'string' || !isCount(index) || !isFields(choice) || typeof choice.kind !== 'string') {
    throw refusal(place, 'is no decision: it needs domain, index and a choice with its kind');
  }
  return { domain, index, choice: choice as Decision['choice'] };
}
