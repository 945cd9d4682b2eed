import type { SimplexMessage, SimplexRecord } from '@quorate/simplex';
import { describe, expect, it } from 'vitest';
import { Decisions } from '../decisions.ts';
import { committeeOf, equalCommittee } from './committee.ts';
import { LightNetwork } from './network.ts';
import type { LightOptions } from './options.ts';
import type { Attack } from './protocol.ts';
import { lightSimplex } from './simplex.ts';

type Options = LightOptions<SimplexMessage, SimplexRecord>;

const simplex = lightSimplex();
const four = equalCommittee(4);
const seven = equalCommittee(7);
const everything = {
  loss: 0.05,
  duplicate: 0.05,
  slow: 0.1,
  slowest: 250,
  crashes: 3,
  downtime: 300,
  partitions: 2,
  cut: 400,
};

/** A seed's run: everything goes wrong for 0.9 s, then nothing. Every fourth seed has a Byzantine validator of each kind in turn. */
function optionsOf(seed: number): Options {
  const attacks: (Attack<SimplexMessage> | undefined)[] = [
    undefined,
    undefined,
    undefined,
    ...Object.values(simplex.attacks),
  ];
  const attack = attacks[seed % attacks.length];
  const committee = seed % 10 === 0 ? seven : four;
  return {
    seed,
    protocol: simplex,
    committee,
    delta: 60,
    delays: 20,
    jitter: 0.5,
    disk: seed % 3,
    stableAt: 900,
    faults: everything,
    ...(attack === undefined ? {} : { byzantine: new Map([[seed % committee.weights.length, attack]]) }),
  };
}

function run(options: Options, until = 2500): LightNetwork<SimplexMessage, SimplexRecord> {
  const network = new LightNetwork(options);
  network.run(until);
  return network;
}

describe('engines alone', () => {
  it('a thousand seeds: agreement, no contradicting signature, sound certificates, and progress once it is calm', () => {
    const seen = { finalized: 0, restarts: 0, lost: 0 };
    for (let seed = 1; seed <= 1000; seed++) {
      const network = new LightNetwork(optionsOf(seed));
      network.run(900);
      const reached = Math.max(...network.nodes.map((node) => node.height));
      network.run(1900);
      expect(network.watch.violations, `seed ${seed}`).toEqual([]);
      const least = Math.min(...network.honest.map((node) => node.height));
      expect(least, `seed ${seed}`).toBeGreaterThan(reached + 1);
      seen.finalized += network.finalized;
      seen.restarts += network.restarts;
      seen.lost += network.lost;
    }
    expect(seen.finalized).toBeGreaterThan(60_000);
    expect(seen.restarts).toBeGreaterThan(2000);
    expect(seen.lost).toBeGreaterThan(50_000);
  }, 120_000);

  it('repeat themselves: equal hashes for equal seeds, different ones for different seeds', () => {
    const hashOf = (seed: number): string => run(optionsOf(seed), 1200).hash;
    const seeds = Array.from({ length: 20 }, (_, index) => index + 1);
    const hashes = seeds.map(hashOf);
    expect(seeds.map(hashOf)).toEqual(hashes);
    expect(new Set(hashes).size).toBe(seeds.length);
  });

  it('repeat a run from its decisions alone, and without one of them another', () => {
    const drawn = run(optionsOf(5));
    const list = drawn.decisions.taken;
    expect(list.length).toBeGreaterThan(20);
    expect(new Set(list.map(({ choice }) => choice.kind))).toEqual(
      new Set(['crash', 'cut', 'lose', 'delay', 'duplicate']),
    );
    const listed = run({ ...optionsOf(5), decisions: Decisions.listed(list) });
    expect(listed.hash).toBe(drawn.hash);
    expect(run({ ...optionsOf(5), decisions: Decisions.listed(list.slice(1)) }).hash).not.toBe(drawn.hash);
    const none = run({ ...optionsOf(5), decisions: Decisions.listed([]) });
    expect([none.lost, none.restarts]).toEqual([0, 0]);
  });

  it('refuse decisions that they do not understand', () => {
    const refused =
      (domain: string, choice: { kind: string }): (() => void) =>
      () => {
        run({ ...optionsOf(5), decisions: Decisions.listed([{ domain, index: 0, choice }]) });
      };
    expect(refused('crash', { kind: 'explode' })).toThrow(/needs node|knows no choice/);
    expect(refused('partition', { kind: 'cut' })).toThrow(/knows no choice/);
    expect(refused('link/0>1/notarize', { kind: 'sing' })).toThrow(/knows no choice/);
    expect(refused('link/0>1/notarize', { kind: 'delay' })).toThrow(/needs ms/);
  });

  it('lose what was not durable in a crash, keep what was, and go on', () => {
    const crash = { domain: 'crash', index: 0, choice: { kind: 'crash', node: 2, at: 400, down: 500 } };
    const network = new LightNetwork({
      ...optionsOf(1),
      disk: 5,
      stableAt: 1000,
      faults: { crashes: 1 },
      decisions: Decisions.listed([crash]),
    });
    network.run(450);
    const node = network.nodes[2];
    expect([node?.up, node?.timers.size, node?.writing]).toEqual([false, 0, null]);
    expect(node?.journal.length).toBeGreaterThan(0);
    const height = node?.height ?? 0;
    expect(height).toBeGreaterThan(3);
    network.run(880);
    expect(node?.height).toBe(height);
    network.run(2500);
    expect(network.restarts).toBe(1);
    expect(node?.height).toBeGreaterThan(height + 20);
    expect(network.watch.violations).toEqual([]);
  });

  it('draw the lies about a view from nothing but the seed', () => {
    const drawn = (decisions?: Decisions) => {
      const lies = new Map<number, number[]>();
      const attack: Attack<SimplexMessage> = (port, effects) => {
        for (const effect of effects) {
          port.perform(effect);
          if (effect.kind !== 'sign') continue;
          const { view } = effect.statement;
          lies.set(view, [...(lies.get(view) ?? []), port.draw(view)]);
        }
      };
      const byzantine = new Map([[1, attack]]);
      const options = { ...optionsOf(1), faults: everything, byzantine };
      const network = run({ ...options, ...(decisions === undefined ? {} : { decisions }) });
      return { lies, decisions: network.decisions.taken };
    };
    const all = drawn();
    const none = drawn(Decisions.listed([]));
    expect(all.decisions.length).toBeGreaterThan(10);
    let compared = 0;
    for (const [view, lies] of none.lies) {
      const shared = Math.min(lies.length, all.lies.get(view)?.length ?? 0);
      expect(lies.slice(0, shared)).toEqual(all.lies.get(view)?.slice(0, shared) ?? []);
      compared += shared;
    }
    expect(compared).toBeGreaterThan(20);
    expect(new Set([...none.lies.values()].flat()).size).toBeGreaterThan(compared);
  });

  it('stand still while no side of a cut has a quorum, and go on after it', () => {
    const cut = {
      domain: 'partition',
      index: 0,
      choice: { kind: 'cut', at: 200, ms: 600, sides: '0011', oneWay: false },
    };
    const network = new LightNetwork({
      ...optionsOf(2),
      stableAt: 1000,
      faults: { partitions: 1 },
      decisions: Decisions.listed([cut]),
    });
    network.run(250);
    const before = Math.max(...network.nodes.map((node) => node.height));
    network.run(790);
    expect(Math.max(...network.nodes.map((node) => node.height))).toBeLessThanOrEqual(before + 2);
    network.run(2500);
    expect(Math.min(...network.nodes.map((node) => node.height))).toBeGreaterThan(before + 10);
    expect(network.watch.violations).toEqual([]);
  });

  it('weigh votes', () => {
    const network = run({
      ...optionsOf(1),
      committee: committeeOf([5, 1, 1, 3]),
      faults: {},
      absent: [1, 2],
    });
    expect(network.nodes[0]?.height).toBeGreaterThan(5);
    expect(network.nodes[1]?.height).toBe(0);
    expect(network.watch.violations).toEqual([]);
  });

  it('keep memory bounded over thousands of views', () => {
    const network = new LightNetwork({ seed: 1, protocol: simplex, committee: four, delta: 50, delays: 5 });
    network.run(30_000);
    expect(network.nodes[0]?.height).toBeGreaterThan(2000);
    expect(network.waiting).toBeLessThan(500);
    expect(network.nodes[0]?.journal.length).toBeLessThan(300);
    expect(network.watch.violations).toEqual([]);
  });

  it('are 512 validators if asked to be', () => {
    const network = new LightNetwork({
      seed: 1,
      protocol: simplex,
      committee: equalCommittee(512),
      delta: 500,
      delays: 50,
    });
    network.run(165);
    expect(Math.min(...network.nodes.map((node) => node.height))).toBe(1);
    expect(network.watch.violations).toEqual([]);
  }, 60_000);
});
