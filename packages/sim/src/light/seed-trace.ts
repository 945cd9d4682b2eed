import type { Decision } from '../decisions.ts';
import { demandKnown, type Fields, isCount, isFields, readLines, refusal } from '../trace/lines.ts';
import { testOf } from '../trace/regression.ts';
import type { LightOutcome } from './seed.ts';
import { runLightSeed } from './seed.ts';
import { LIGHT_FAMILIES, type LightSeedOptions } from './seed-configuration.ts';

const FORMAT = 'quorate-light-trace';
const VERSION = 1;

type Listed = LightSeedOptions & { readonly decisions: readonly Decision[] };

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
  const { header, decisions } = readLines(text, { header: optionsFrom, fieldsOf });
  return { ...header, decisions };
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

function optionsFrom(value: Fields, place: string): LightSeedOptions {
  const { format, version, seed, configuration, failure = null, code = '' } = value;
  if (format !== FORMAT) throw refusal(place, `is no header: its format is not "${FORMAT}"`);
  if (version !== VERSION) throw refusal(place, `has version ${String(version)}, this software reads ${VERSION}`);
  if (!isCount(seed)) throw refusal(place, 'has no seed: a whole number of 0 or more');
  if (!isFields(configuration)) throw refusal(place, 'has no configuration');
  demandKnown(value, ['format', 'version', 'seed', 'configuration', 'failure', 'code'], place);
  if (typeof code !== 'string') throw refusal(place, 'does not say what code made it');
  if (failure !== null && typeof failure !== 'string')
    throw refusal(place, 'has a failure that is neither text nor null');
  const options: Record<string, unknown> = { seed };
  for (const [name, setting] of Object.entries(configuration)) {
    const isRight = Object.hasOwn(SETTINGS, name) && SETTINGS[name]?.(setting) === true;
    if (!isRight) throw refusal(place, `has a configuration with ${name}: ${JSON.stringify(setting)}`);
    options[name] = setting;
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

/** What a fault of engines alone says of itself; null for a domain or a kind that they do not know. */
function fieldsOf(domain: string, kind: string): readonly string[] | null {
  const [head] = domain.split('/', 1);
  switch (`${head}/${kind}`) {
    case 'crash/crash':
      return ['node', 'at', 'down'];
    case 'partition/cut':
      return ['at', 'ms', 'sides', 'oneWay'];
    case 'link/lose':
      return [];
    case 'link/duplicate':
    case 'link/delay':
      return ['ms'];
    default:
      return null;
  }
}
