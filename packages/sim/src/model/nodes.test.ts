import { describe, expect, it } from 'vitest';
import { boot, type Local, Replica } from './local.ts';
import { type Happening, isCrash, Nodes } from './nodes.ts';
import { modelOf } from './options.ts';
import { Vocabulary } from './vocabulary.ts';

/** The states of V2, Byzantine V1 leading, after a few histories without crashes. */
function histories(): Nodes {
  const words = new Vocabulary(modelOf({ mechanism: 'simplex', views: 2, crashes: 1, symmetry: false }));
  const nodes = new Nodes(words);
  const [a, b] = ['A', 'B'].map((letter) => words.propose(1, 0, [], letter)) as [number, number];
  const of = (kind: 'notarize' | 'finalize', block: number): number =>
    words.nameOf({ kind, epoch: 0, view: 1, block: words.blockNamed(block).ref.digest });
  const happenings: Happening[] = [
    { kind: 'proposal', block: a },
    { kind: 'proposal', block: b },
    { kind: 'timer', timer: '1/advance' },
    { kind: 'certificate', statement: of('notarize', a) },
    { kind: 'certificate', statement: of('finalize', a) },
    { kind: 'certificate', statement: words.nameOf({ kind: 'nullify', epoch: 0, view: 1 }) },
    { kind: 'timer', timer: '2/advance' },
  ];
  const reached = new Set([nodes.start(1)]);
  for (const from of reached) {
    for (const happening of happenings) {
      const next = nodes.next(from, nodes.nameOf(happening));
      if (next >= 0) reached.add(next);
    }
  }
  return nodes;
}

describe('states of one validator', () => {
  it('restart alike from a journal in any order', () => {
    const { locals, words } = histories();
    expect(locals.length).toBeGreaterThan(20);
    for (const local of locals) {
      for (const floor of [local.floor, { block: words.genesis, view: 0, certificate: null }]) {
        const images = [local.journal, [...local.journal].reverse()].map((journal) => {
          const again = boot(local.copy(), words.model.engine, floor);
          again.journal = journal;
          new Replica(again).take([{ kind: 'start', restored: journal }]);
          return again.image('any');
        });
        expect(images[1]).toBe(images[0]);
      }
    }
  });

  it('do not change when something happens to a copy', () => {
    const nodes = histories();
    const images = nodes.locals.map((local) => local.image('any'));
    for (let name = 0; name < images.length; name++) {
      nodes.next(name, nodes.nameOf({ kind: 'restart', from: 'genesis' }));
      expect(nodes.local(name).image('any')).toBe(images[name]);
    }
    expect(isCrash({ kind: 'restart', from: 'genesis' })).toBe(true);
  });

  it('break S10 when a statement contradicts one that was signed before', () => {
    const words = new Vocabulary(modelOf({ mechanism: 'simplex' }));
    const nodes = new Nodes(words);
    const local: Local = nodes.local(nodes.start(1)).copy();
    local.signed.add(words.nameOf({ kind: 'finalize', epoch: 0, view: 1, block: words.genesis.ref.digest }));
    expect(() => new Replica(local).take([{ kind: 'timer', timer: '1/advance' }])).toThrow(/S10: signed finalize/);
  });
});
