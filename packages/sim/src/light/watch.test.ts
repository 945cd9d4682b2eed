import { type Effect, type Engine, type Output, ZERO_DIGEST } from '@quorate/kernel';
import { simplexMechanism } from '@quorate/replica';
import type { SimplexMessage, SimplexRecord } from '@quorate/simplex';
import { describe, expect, it } from 'vitest';
import { Decisions } from '../decisions.ts';
import { equalCommittee } from './committee.ts';
import { LightNetwork } from './network.ts';
import type { LightOptions } from './options.ts';
import { lightSimplex } from './simplex.ts';

type E = Effect<SimplexMessage>;
type Out = Output<SimplexMessage, SimplexRecord>;
type Options = LightOptions<SimplexMessage, SimplexRecord>;

/** What the checks say of a run in which validator 0 changes the output of its honest engine. */
function faultsOf(change: (output: Out) => Out, options: Partial<Options> = {}): readonly string[] {
  const createEngine: typeof simplexMechanism.createEngine = (context) => {
    const honest = simplexMechanism.createEngine(context);
    if (context.self !== 0) return honest;
    const broken: Engine<SimplexMessage, SimplexRecord> = {
      step: (input) => change(honest.step(input)),
      checkpoint: () => honest.checkpoint(),
      status: () => honest.status(),
    };
    return broken;
  };
  const network = new LightNetwork({
    seed: 1,
    protocol: lightSimplex({ ...simplexMechanism, createEngine }),
    committee: equalCommittee(4),
    delta: 50,
    delays: 10,
    ...options,
  });
  network.run(1000);
  expect(network.nodes[1]?.height).toBeGreaterThan(3);
  return network.watch.violations;
}

/** Changes effects of one kind; `change` gives those that take its place. */
function each<K extends E['kind']>(
  kind: K,
  change: (effect: Extract<E, { kind: K }>) => readonly E[],
): (output: Out) => Out {
  return ({ persist, effects }) => ({
    persist,
    effects: effects.flatMap((effect) => (effect.kind === kind ? change(effect as Extract<E, { kind: K }>) : [effect])),
  });
}

const evil = 'ab'.repeat(32);

describe('the checks of engines alone', () => {
  it('say nothing of honest engines', () => {
    expect(faultsOf((output) => output)).toEqual([]);
  });

  it('notice another block at a final height', () => {
    const faults = faultsOf(
      each('finalized', (effect) => [
        {
          ...effect,
          commit: {
            ...effect.commit,
            blocks: effect.commit.blocks.map((block) =>
              effect.commit.index === 3 ? { ...block, ref: { ...block.ref, digest: evil } } : block,
            ),
          },
        },
      ]),
    );
    expect(faults.join()).toMatch(/height 3 is final in two ways/);
  });

  it('notice a height left out, a block on another than the last, and a wrong index', () => {
    const without = faultsOf(each('finalized', (effect) => (effect.commit.index === 2 ? [] : [effect])));
    expect(without.join()).toMatch(/committed height 3 after 1/);
    const elsewhere = faultsOf(
      each('finalized', (effect) => [{ ...effect, commit: { ...effect.commit, previous: ZERO_DIGEST } }]),
    );
    expect(elsewhere.join()).toMatch(/on another block than its last/);
    const renamed = faultsOf(
      each('finalized', (effect) => [{ ...effect, commit: { ...effect.commit, index: effect.commit.index + 1 } }]),
    );
    expect(renamed.join()).toMatch(/committed height 1 as 2/);
    const nothing = faultsOf(each('finalized', (effect) => [{ ...effect, commit: { ...effect.commit, blocks: [] } }]));
    expect(nothing.join()).toMatch(/committed nothing/);
  });

  it('notice a certificate with too little weight, with a signer who did not sign, and of nothing', () => {
    const withSigners = (signers: number, view?: number): readonly string[] =>
      faultsOf(
        each('broadcast', (effect) => {
          if (effect.message.kind !== 'certificate') return [effect];
          const { certificate } = effect.message;
          const statement = view === undefined ? certificate.statement : { ...certificate.statement, view };
          const changed = { ...certificate, statement, signers: Uint8Array.of(signers) };
          return [{ kind: 'broadcast', message: { kind: 'certificate', certificate: changed } }];
        }),
      );
    expect(withSigners(0b0011).join()).toMatch(/has 2 of 4 behind it|who did not sign/);
    expect(withSigners(0b1111, 900_000).join()).toMatch(/where nobody signed/);
    const network = faultsOf(
      each('broadcast', (effect) => {
        if (effect.message.kind !== 'certificate' || effect.message.certificate.statement.kind === 'nullify')
          return [effect];
        const { certificate } = effect.message;
        const statement = { ...certificate.statement, block: evil } as typeof certificate.statement;
        return [{ kind: 'broadcast', message: { kind: 'certificate', certificate: { ...certificate, statement } } }];
      }),
    );
    expect(network.join()).toMatch(/names 0, who did not sign it|names 1, who did not sign it/);
  });

  it('notice that something is called final which is not', () => {
    const faults = faultsOf(
      each('finalized', (effect) => {
        if (effect.finality.grade !== 'final') return [effect];
        const { certificate } = effect.finality;
        const notarized = {
          ...certificate,
          statement: { ...certificate.statement, kind: 'notarize' },
        } as typeof certificate;
        return [{ ...effect, finality: { ...effect.finality, certificate: notarized } }];
      }),
    );
    expect(faults.join()).toMatch(/calls final what a notarize vote backs/);
  });

  it('notice two signatures of one kind, and Nullify beside Finalize', () => {
    const twice = faultsOf(
      each('sign', (effect) =>
        effect.statement.kind === 'nullify'
          ? [effect]
          : [effect, { kind: 'sign', statement: { ...effect.statement, block: evil } }],
      ),
    );
    expect(twice.join()).toMatch(/signed notarize and then notarize/);
    expect(twice.join()).toMatch(/signed finalize and then finalize/);
    const both = faultsOf(
      each('sign', (effect) => [
        effect,
        { kind: 'sign', statement: { kind: 'nullify', epoch: 0, view: effect.statement.view } },
      ]),
    );
    expect(both.join()).toMatch(/signed finalize and then nullify/);
  });

  it('notice blame, evidence and forks where everybody is honest', () => {
    const peer = equalCommittee(4).peers[2] ?? '';
    const add =
      (effect: E): ((output: Out) => Out) =>
      ({ persist, effects }) => ({ persist, effects: [...effects, effect] });
    expect(faultsOf(add({ kind: 'blame', peer, reason: 'no reason' }))[0]).toMatch(/blames the honest 2/);
    const vote = {
      statement: { kind: 'nullify', epoch: 0, view: 1 } as const,
      signer: 3,
      signature: new Uint8Array(8),
    };
    expect(
      faultsOf(add({ kind: 'evidence', evidence: { kind: 'nullify-finalize', first: vote, second: vote } }))[0],
    ).toMatch(/evidence against the honest 3/);
    const certificate = { statement: vote.statement, signers: Uint8Array.of(7), signature: new Uint8Array(8) };
    expect(faultsOf(add({ kind: 'forked', first: null, second: certificate, commits: [] }))[0]).toMatch(/sees a fork/);
  });

  const crashing = { faults: { crashes: 60, downtime: 60, slow: 0.3, slowest: 250 }, stableAt: 900, disk: 2 };

  it('notice votes that were not written down before a crash', () => {
    const forgetting = (seed: number): readonly string[] =>
      faultsOf(({ effects }) => ({ persist: [], effects }), { ...crashing, seed });
    const honest = (seed: number): readonly string[] => faultsOf((output) => output, { ...crashing, seed });
    const seeds = Array.from({ length: 12 }, (_, index) => index + 1);
    expect(seeds.flatMap(honest)).toEqual([]);
    expect(seeds.flatMap(forgetting).join()).toMatch(/validator 0 signed \w+ and then/);
  });

  it('notice that everything was forgotten at a restart', () => {
    const faults = Array.from({ length: 12 }, (_, index) =>
      faultsOf((output) => output, { ...crashing, seed: index + 1, forgetful: true }),
    );
    expect(faults.flat().join()).toMatch(/signed \w+ and then/);
  });

  it('notice a quorum that is one too small', () => {
    const cut = {
      domain: 'partition',
      index: 0,
      choice: { kind: 'cut', at: 0, ms: 800, sides: '0011', oneWay: false },
    };
    const faults = faultsOf((output) => output, {
      committee: equalCommittee(4, 2),
      faults: { partitions: 1 },
      decisions: Decisions.listed([cut]),
      stableAt: 900,
    });
    expect(faults.join()).toMatch(/has 2 of 4 behind it/);
    expect(faults.join()).toMatch(/final in two ways/);
  });
});
