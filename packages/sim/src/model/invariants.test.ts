import type { Block, Effect } from '@quorate/kernel';
import type { Simplex, SimplexMessage } from '@quorate/simplex';
import { describe, expect, it } from 'vitest';
import { checkModel } from './check.ts';
import { Local, Replica } from './local.ts';
import { Network } from './network.ts';
import { Nodes } from './nodes.ts';
import { modelOf } from './options.ts';
import { type Name, Vocabulary } from './vocabulary.ts';

type Effects = Effect<SimplexMessage>[];

const words = new Vocabulary(modelOf({ mechanism: 'simplex', views: 2, heights: 1 }));
const a = words.propose(1, 0, [], 'A');
const b = words.propose(1, 0, [], 'B');
const certificate = words.certificate(
  words.nameOf({ kind: 'notarize', epoch: 0, view: 1, block: words.blockNamed(a).ref.digest }),
);
const child = words.propose(2, a, [words.nameOf(certificate.statement)], 'A');

/** A validator whose engine has these effects, and floors of these views before and after. */
function faulty(effects: Effects, [before, after] = [0, 0]): Local {
  let view = before;
  const engine = {
    step: () => {
      view = after;
      return { persist: [], effects: effects.splice(0) };
    },
    get memory() {
      return { floor: { block: words.genesis, view, certificate: null } };
    },
  };
  return new Local(words, 1, engine as unknown as Simplex);
}

function finalized(name: Name, height: number): Effects[number] {
  const block: Block = words.blockNamed(name);
  return {
    kind: 'finalized',
    commit: { index: height, previous: '', leader: 0, blocks: [block], justification: [] },
    finality: { grade: 'final', certificate, certifiedHeight: height },
  };
}

const run = (local: Local): void => void new Replica(local).take([{ kind: 'timer', timer: '1/leader' }]);

describe('rules of one validator, with engines that break them', () => {
  const vote = { kind: 'sign', statement: { kind: 'nullify', epoch: 0, view: 2 } } as const;
  const cases: readonly (readonly [string, Effects, RegExp])[] = [
    ['a gap', [finalized(child, 2)], /S11: height 2 is above the end/],
    ['two blocks at one height', [finalized(a, 1), finalized(b, 1)], /S8: finalized A1 and B1 at height 1/],
    ['a block on another parent', [finalized(child, 1)], /S8: finalized A2\(A1\) on genesis/],
    ['a height that skips one', [finalized(a, 0)], /S8: finalized height 0 after 0/],
    [
      'a vote after the end',
      [{ kind: 'epochEnded', epoch: 0, last: words.blockNamed(a), proof: certificate }, vote],
      /S11: signed nullify view 2 after the end/,
    ],
    ['two chains', [{ kind: 'forked', first: null, second: certificate, commits: [] }], /contradict each other/],
    [
      'blame of an honest peer',
      [{ kind: 'blame', peer: words.validators.at(2)?.peer ?? '', reason: 'x' }],
      /honest validator 3/,
    ],
  ];

  it.each(cases)('%s', (_, effects, rule) => {
    expect(() => run(faulty([...effects]))).toThrow(rule);
  });

  it('a floor that falls', () => {
    expect(() => run(faulty([vote], [2, 1]))).toThrow(/S8: the floor fell from view 2 to 1/);
  });

  it('no blame of Byzantine ones', () => {
    expect(() => run(faulty([{ kind: 'blame', peer: words.validators.at(0)?.peer ?? '', reason: 'x' }]))).not.toThrow();
  });
});

describe('rules of all', () => {
  it('agreement', () => {
    const nodes = new Nodes(words);
    const state = Int32Array.of(nodes.start(1), nodes.start(2), nodes.start(3), 0);
    const network = new Network(nodes);
    network.read(state);
    expect(network.fault(state)).toBeNull();
    const before = nodes.chains[state[0] as number];
    nodes.chains[state[0] as number] = [a];
    nodes.chains[state[1] as number] = [b];
    expect(network.fault(state)).toBe('agreement: at height 1 one finalized B1, another A1');
    nodes.chains[state[1] as number] = [a];
    nodes.chains[state[0] as number] = before ?? [];
    nodes.chains[state[2] as number] = [a];
    expect(network.fault(state)).toBeNull();
  });

  it.each([
    [{ quorum: 2 }, 'Finalization excludes Nullification'],
    [{ byzantine: [1, 4] }, 'one Notarization per view'],
  ])('certificates, in %o', (options, rule) => {
    const { violation } = checkModel({ mechanism: 'simplex', views: 1, heights: 1, ...options });
    expect(violation?.rule).toContain(rule);
  });

  it('refuses models that make no sense', () => {
    for (const options of [{ validators: 11 }, { views: 4 }, { byzantine: [5] }, { crashes: -1 }, { heights: 0 }]) {
      expect(() => modelOf({ mechanism: 'simplex', ...options })).toThrow(/config|whole number/);
    }
  });
});
