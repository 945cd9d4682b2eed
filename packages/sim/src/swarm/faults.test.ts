import type { PeerId, Traffic } from '@quorate/kernel';
import { QuorateError } from '@quorate/kernel';
import { describe, expect, it } from 'vitest';
import { Cluster } from '../cluster.ts';
import type { Choice } from '../decisions.ts';
import { replay } from '../trace/replay.ts';
import { Faults } from './faults.ts';
import { coreOf } from './liveness.ts';
import { messageKind } from './message-kind.ts';
import { type FaultFamily, isFailure } from './outcome.ts';
import type { PlannedFault } from './plan.ts';
import { runSeed } from './run-seed.ts';

/** A loaded cluster of four under these faults; member 1 has the frail disk. */
async function struck(choices: readonly Choice[], seed = 1) {
  const cluster = await Cluster.create({ seed, weights: [1, 1, 1, 1], consensus: { delta: 100 } });
  cluster.checkers.watchChain({
    genesis: cluster.genesis,
    suite: cluster.suite,
    offeredOnly: true,
    memory: { mempoolBytes: 1e9, mempoolTransactions: 1e6, samples: 1e6, counters: 1e6 },
  });
  const faults = new Faults(cluster, [1]);
  const arrived: { readonly at: number; readonly kind: string }[] = [];
  cluster.network.wire = (_from: PeerId, _to: PeerId, traffic: Traffic, bytes) => {
    arrived.push({ at: cluster.world.elapsed, kind: messageKind(traffic, bytes) });
    return bytes;
  };
  cluster.start();
  cluster.load(40);
  faults.plan(
    choices.map((choice, index): PlannedFault => ({ family: 'crash', index, at: Number(choice.at), choice })),
  );
  return { cluster, faults, world: cluster.world };
}

/** What the disk of a member did wrong, by kind. */
function wrongs({ world }: Cluster, name: string): string[] {
  return world.decisions.taken.flatMap(({ domain, choice }) => (domain === `disk/${name}` ? [choice.kind] : []));
}

describe('a disk that does wrong', () => {
  it.each([
    ['rot', 'flip', { perMille: 60 }],
    ['stale', 'stale', { perMille: 1000, restart: true }],
    ['misdirect', 'misdirect', { perMille: 300, writes: true }],
    ['misdirect', 'misdirect', { perMille: 1000, writes: false, restart: true }],
  ])('by %s: its owner is set apart, nobody is harmed, and the rest goes on', async (kind, wrong, more) => {
    const { cluster, faults, world } = await struck([
      { kind, node: 1, at: 1500, for: 30_000, ...more },
      { kind: 'crash', node: 1, at: 3000, down: 0 },
    ]);
    await world.runFor(6000);
    expect(new Set(wrongs(cluster, 'n1'))).toEqual(new Set([wrong]));
    expect(['n0', 'n2', 'n3'].flatMap((name) => wrongs(cluster, name))).toEqual([]);
    expect([...faults.operator.maimed]).toEqual([1]);
    expect(coreOf(cluster, faults.operator.maimed)).toEqual([0, 2, 3]);
    const before = wrongs(cluster, 'n1').length;
    // The others may stay broken: what is healed is healed all the same.
    faults.end(false);
    const { lives } = cluster.member(1).machine;
    faults.operator.heal(1);
    expect(cluster.member(1).machine.lives).toBe(lives + 1);
    expect(await cluster.advances(3, 60_000, [0, 2, 3])).toBe(true);
    cluster.examine((name, error) => faults.operator.excuses(name, error));
    expect(cluster.checkers.violations).toEqual([]);
    expect(wrongs(cluster, 'n1')).toHaveLength(before);
  });

  it('on a machine that is not frail does nothing', async () => {
    const { cluster, faults, world } = await struck([
      { kind: 'stale', node: 2, at: 500, for: 3000, perMille: 1000, restart: true },
    ]);
    await world.runFor(4000);
    expect(wrongs(cluster, 'n2')).toEqual([]);
    expect(faults.operator.maimed.size).toBe(0);
  });

  it('explains an end only where it did wrong, and only an end that it can bring about', async () => {
    const { faults } = await struck([]);
    const corrupt = new QuorateError('journal/corrupt', 'a bad record');
    expect(faults.operator.excuses('n1', corrupt)).toBe(false);
    faults.operator.damaged(1, { place: 'journal/1', kind: 'flip' });
    expect(faults.operator.excuses('n1', corrupt)).toBe(true);
    expect(faults.operator.excuses('n0', corrupt)).toBe(false);
    expect(faults.operator.excuses('n1', new QuorateError('consensus/fork', 'two blocks'))).toBe(false);
    expect(faults.operator.excuses('n1', new Error('anything else'))).toBe(false);
    faults.operator.damaged(2, { place: '', kind: 'lose' });
    expect(faults.operator.excuses('n2', corrupt)).toBe(false);
    faults.operator.mark(3, 'full');
    expect(faults.operator.excuses('n3', new QuorateError('disk/full', 'no room'))).toBe(true);
  });
});

describe('messages of one kind that are held', () => {
  const HOLD = { kind: 'hold', what: 'vote nullify', from: -1, to: -1, at: 1000, for: 5000 } as const;
  const crash = { kind: 'crash', node: 0, at: 1000, down: 20_000 } as const;

  /** When eight more heights are final, in virtual ms. */
  const stuckFor = async (choices: readonly Choice[]): Promise<number> => {
    const { cluster, world } = await struck(choices);
    await world.runFor(1600);
    const { height } = cluster.checkers;
    expect(await world.runUntil(() => cluster.checkers.height > height + 8, 60_000)).toBe(true);
    expect(cluster.checkers.violations).toEqual([]);
    return world.elapsed;
  };

  it('stop a network that needs them until they are let go, and do no harm', async () => {
    const [without, held] = [await stuckFor([crash]), await stuckFor([crash, { ...HOLD, until: 'over' }])];
    expect(held).toBeGreaterThan(without + 2000);
  });

  it('are let go early when the network has moved on', async () => {
    const [early, late] = [
      await stuckFor([{ ...HOLD, what: 'vote notarize', until: 'view' }]),
      await stuckFor([{ ...HOLD, what: 'vote notarize', until: 'over' }]),
    ];
    expect(late).toBeGreaterThan(early + 2000);
  });
});

describe('crashes at a boundary of a name', () => {
  it.each(['sync gate', 'append journal', 'batch blocks', 'send votes'])('%s', async (of) => {
    const { cluster, world } = await struck([
      { kind: 'crash-at', node: 2, at: 700, effect: 2, of, after: false, power: true },
    ]);
    const { machine } = cluster.member(2);
    await world.runFor(699);
    const before = machine.disk.boundaries.names.get(of) ?? 0;
    expect(before).toBeGreaterThan(0);
    expect(await world.runUntil(() => machine.crashes === 1, 3000)).toBe(true);
    // A broadcast goes on for the dead, whom nobody hears.
    expect(machine.disk.boundaries.names.get(of)).toBeGreaterThanOrEqual(before + 2);
    expect(await cluster.advances(3, 60_000)).toBe(true);
  });
});

describe('families', () => {
  const crash = 'crash' as const;
  it.each<[FaultFamily, number, string]>([
    ['reorder', 3, 'reorder'],
    ['hold', 3, 'hold'],
    ['disk-stale', 2, 'stale'],
    ['disk-misdirect', 4, 'misdirect'],
    ['bit-flip', 1001, 'flip'],
  ])('%s strikes, and a run under it is clean', async (family, seed, kind) => {
    const outcome = await runSeed({ seed, mechanism: 'simplex', families: [crash, family] });
    expect(isFailure(outcome)).toBe(false);
    expect(outcome.families).toContain(family);
    expect(outcome.decisions.some(({ choice }) => choice.kind === kind)).toBe(true);
    const listed = await runSeed({
      seed,
      mechanism: 'simplex',
      families: [crash, family],
      decisions: outcome.decisions,
    });
    expect(listed.hash).toBe(outcome.hash);
  });

  it('that damage disks strike alike whether somebody watches or not', async () => {
    const options = {
      seed: 1003,
      mechanism: 'simplex',
      families: [crash, 'disk-stale', 'disk-misdirect', 'bit-flip'],
    } as const;
    const alone = await runSeed(options);
    const { outcome } = await replay(options, runSeed);
    expect(outcome).toEqual(alone);
    expect(outcome.decisions.filter(({ domain }) => domain === 'disk/n2').length).toBeGreaterThan(0);
  });

  it('a window in which nothing went wrong is no fault', async () => {
    const choice = { kind: 'stale', node: 1, at: 300, for: 100, perMille: 0, restart: false };
    const options = { seed: 2, mechanism: 'simplex', until: 900 } as const;
    const { families } = await runSeed({ ...options, decisions: [{ domain: 'disk-stale', index: 0, choice }] });
    expect(families).toEqual([]);
  });
});
