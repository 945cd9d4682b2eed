import { afterEach, describe, expect, it, vi } from 'vitest';
import { Network, type NetworkOptions } from '../../../test/simplex/network.ts';
import { type EngineClass, schedule } from '../../../test/simplex/schedules.ts';
import { Simplex } from './engine.ts';

/** The engine with some of its modules replaced. Product code knows nothing of this. */
async function mutant(module: string, change: (original: Record<string, never>) => object): Promise<EngineClass> {
  vi.resetModules();
  vi.doMock(module, async (original) => {
    const real = await original<Record<string, never>>();
    return { ...real, ...change(real) };
  });
  return (await import('./engine.ts')).Simplex;
}

/** Seeds of `count` in which the network notices a broken rule by itself: disagreement or contradicting signatures. */
function caught(count: number, options: (seed: number) => NetworkOptions): { seeds: number; first: string } {
  let seeds = 0;
  let first = '';
  for (let seed = 1; seed <= count; seed++) {
    const network = new Network(options(seed));
    network.run(1800);
    if (network.faults.length > 0) {
      seeds++;
      first ||= network.faults[0] ?? '';
    }
  }
  return { seeds, first };
}

const rough = (engine: EngineClass) => (seed: number) => ({
  ...schedule(engine, 4 * seed + 3, 4),
  slowest: 400,
  loss: 0.1,
});

afterEach(() => {
  vi.doUnmock('./vote.ts');
  vi.doUnmock('./justification.ts');
  vi.resetModules();
});

describe('the harness notices broken engines', () => {
  it('is silent about the real one on the same schedules', () => {
    expect(caught(40, rough(Simplex))).toEqual({ seeds: 0, first: '' });
  });

  it('S10: a Finalize vote after Nullify in one view', async () => {
    const engine = await mutant('./vote.ts', (real) => {
      const { castVote } = real as unknown as typeof import('./vote.ts');
      const broken: typeof castVote = (state, round, statement) => {
        if (statement.kind !== 'finalize' || !round.nullified) return castVote(state, round, statement);
        round.nullified = false;
        const cast = castVote(state, round, statement);
        round.nullified = true;
        return cast;
      };
      return { castVote: broken };
    });
    const result = caught(40, rough(engine));
    expect(result.first).toMatch(/signed nullify and finalize/);
    expect(result.seeds).toBeGreaterThan(5);
  });

  it('S2: parents above views that nobody nullified', async () => {
    const engine = await mutant('./justification.ts', (real) => {
      const { justifies, chooseParent } = real as unknown as typeof import('./justification.ts');
      const lax: typeof justifies = (state, header, certificates) =>
        justifies(state, header, certificates) || certificates.length <= 1;
      // A leader that forgets the Notarizations of every other view, and that nobody nullified it.
      const forgetting: typeof chooseParent = (state, view, usable) => {
        const { block, certificate } = state.floor;
        if (view % 3 !== 0 || (state.floor.view > 0 && certificate === null)) return chooseParent(state, view, usable);
        const justification = certificate === null ? [] : [certificate];
        return { kind: 'parent', view: state.floor.view, digest: block.ref.digest, final: true, justification };
      };
      return { justifies: lax, chooseParent: forgetting, skippedAreNullified: () => true };
    });
    const result = caught(40, rough(engine));
    expect(result.first).toMatch(/final in two ways|skipped/);
    expect(result.seeds).toBeGreaterThan(0);
  });

  it('S10: a vote that was not written down before a crash', async () => {
    const engine = await mutant('./vote.ts', (real) => {
      const { castVote } = real as unknown as typeof import('./vote.ts');
      const broken: typeof castVote = (state, round, statement) => {
        const before = state.persist.length;
        const cast = castVote(state, round, statement);
        state.persist.length = before;
        return cast;
      };
      return { castVote: broken };
    });
    const result = caught(40, (seed) => ({ ...rough(engine)(seed), byzantine: new Map(), crashes: 30 }));
    expect(result.first).toMatch(/signed/);
    expect(result.seeds).toBeGreaterThan(0);
  });

  it('S4: a quorum that is one too small', () => {
    const halves = (seed: number): NetworkOptions => ({
      ...rough(Simplex)(seed),
      byzantine: new Map(),
      quorum: 2,
      passes: (_now, from, to) => from < 2 === to < 2,
    });
    const result = caught(10, halves);
    expect(result.first).toMatch(/final in two ways/);
    expect(result.seeds).toBeGreaterThan(5);
  });

  it('S10: a floor and a journal forgotten at restart', () => {
    const result = caught(40, (seed) => ({
      ...rough(Simplex)(seed),
      byzantine: new Map(),
      crashes: 8,
      forgetful: true,
    }));
    expect(result.first).toMatch(/signed/);
    expect(result.seeds).toBeGreaterThan(5);
  });
});
