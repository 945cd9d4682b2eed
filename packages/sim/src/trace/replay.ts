import type { Cluster } from '../cluster.ts';
import { isFailure, type Outcome, type SeedOptions } from '../swarm/outcome.ts';
import { optionsOf, type Trace } from './format.ts';
import type { Sighting, SightingKind } from './sighting.ts';
import { Tap } from './tap.ts';

/** What goes wrong after something went wrong says little: so many violations are shown. */
const MOST_VIOLATIONS = 8;

export interface TranscriptOptions {
  /** Columns of a line; longer ones are cut. Default: none is. */
  readonly width?: number;
  /** Shows only the last so many ms before the first violation, or before the end of a run without one. Default: everything. */
  readonly lastMs?: number;
  /** Leaves these kinds of lines out. Faults and violations always stand. */
  readonly without?: readonly SightingKind[];
}

/** Runs a seed with somebody watching. */
export type ObservedRun = (options: SeedOptions & { readonly observe: (cluster: Cluster) => void }) => Promise<Outcome>;

/** A run told again. */
export interface Replay {
  readonly outcome: Outcome;
  /** Everything worth telling, in order. */
  readonly sightings: readonly Sighting[];
}

/** Runs a seed or a trace and writes down what happens. Throws as the run does for a trace that its sources do not understand. */
export async function replay(what: SeedOptions | Trace, run: ObservedRun): Promise<Replay> {
  const options = 'header' in what ? optionsOf(what) : what;
  const sightings: Sighting[] = [];
  const taps: Tap[] = [];
  const outcome = await run({
    ...options,
    observe: (cluster) => {
      taps.push(new Tap(cluster, (sighting) => sightings.push(sighting)));
    },
  });
  for (const tap of taps) tap.close();
  const told = new Set(sightings.filter(({ kind }) => kind === 'violation').map(({ fields }) => fields.sentence));
  // What is checked after the run, and the stall, which nobody can see while it lasts.
  for (const sentence of outcome.violations) {
    if (!told.has(sentence)) sightings.push(atTheEnd(outcome, `VIOLATION of ${sentence}`, sentence));
  }
  if (outcome.stall !== null) sightings.push(atTheEnd(outcome, `STALL: ${outcome.stall}`, outcome.stall));
  return { outcome, sightings };
}

function atTheEnd({ virtualMs }: Outcome, text: string, sentence: string): Sighting {
  return { at: virtualMs, node: '', kind: 'violation', text, to: [], fields: { sentence } };
}

/** A replay in lines that a person can follow: time, machine, what it did. */
export function transcript({ outcome, sightings }: Replay, options: TranscriptOptions = {}): string[] {
  const { width = Number.POSITIVE_INFINITY, lastMs = Number.POSITIVE_INFINITY, without = [] } = options;
  const end = sightings.find(({ kind }) => kind === 'violation')?.at ?? outcome.virtualMs;
  const nodes = new Set(sightings.flatMap(({ node }) => (node === '' ? [] : [node])));
  const first = new Set(sightings.filter(({ kind }) => kind === 'violation').slice(0, MOST_VIOLATIONS));
  const shown = sightings.filter((sighting) => {
    const { at, kind } = sighting;
    if (kind === 'violation') return first.has(sighting);
    return at >= end - lastMs && (at <= end || !isFailure(outcome)) && !without.includes(kind);
  });
  const lines = shown.map((sighting) => lineOf(sighting, nodes.size));
  const { seed, finalized, virtualMs, events, hash } = outcome;
  const head = `seed ${seed}: ${finalized} heights in ${(virtualMs / 1000).toFixed(1)} virtual s, ${events} events, hash ${hash}`;
  const left = sightings.length - shown.length;
  return [head, ...(left > 0 ? [`${left} lines are left out`] : []), ...lines].map((line) => cut(line, width));
}

/** A replay as JSON Lines: one object for each thing that happened. */
export function sightingLines({ sightings }: Replay): string {
  return sightings.map((sighting) => `${JSON.stringify(sighting)}\n`).join('');
}

function lineOf({ at, node, text, to }: Sighting, nodes: number): string {
  const whom = to.length === 0 ? '' : to.length >= nodes - 1 && nodes > 2 ? ' → all' : ` → ${[...to].sort().join(' ')}`;
  return `${at.toFixed(1).padStart(9)}  ${node.padEnd(4)} ${text}${whom}`;
}

function cut(line: string, width: number): string {
  return line.length <= width ? line : `${line.slice(0, Math.max(0, width - 1))}…`;
}
