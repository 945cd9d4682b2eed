import { afterEach, describe, expect, it, vi } from 'vitest';
import type * as Justification from '../../../simplex/src/justification.ts';
import type * as Voting from '../../../simplex/src/vote.ts';
import { checkModel } from './check.ts';
import type { EngineMaker, ModelOptions } from './options.ts';

const JUSTIFICATION = '../../../simplex/src/justification.ts';
const VOTE = '../../../simplex/src/vote.ts';

/** The engine with one of its modules changed. */
async function mutant<M extends object>(module: string, change: (real: M) => Partial<M>): Promise<EngineMaker> {
  vi.resetModules();
  vi.doMock(module, async (original) => {
    const real = await original<M>();
    return { ...real, ...change(real) };
  });
  return (await import('../../../simplex/src/engine.ts')).Simplex;
}

const simplex = (options: Omit<ModelOptions, 'mechanism'>): ReturnType<typeof checkModel> =>
  checkModel({ mechanism: 'simplex', ...options });

afterEach(() => {
  vi.doUnmock(JUSTIFICATION);
  vi.doUnmock(VOTE);
  vi.resetModules();
});

describe('the real engine', () => {
  const clean: readonly (Omit<ModelOptions, 'mechanism'> & { readonly states: number })[] = [
    { views: 1, heights: 1, states: 1296 },
    { views: 1, heights: 1, byzantine: [4], states: 193 },
    { views: 1, heights: 1, crashes: 1, states: 8744 },
    { views: 2, heights: 1, byzantine: [4], states: 217_235 },
  ];

  it.each(clean)('keeps every invariant in %o', ({ states, ...options }) => {
    const report = simplex(options);
    expect(report.violation).toBeNull();
    expect(report.complete).toBe(true);
    expect(report.states).toBe(states);
    expect(report.activity.finalizing).toBeGreaterThan(0);
    expect(report.activity.nullifying).toBeGreaterThan(0);
    expect(report.activity.ended).toBeGreaterThan(0);
  });
});

describe('reductions', () => {
  it.each([{ byzantine: [4] }, { byzantine: [4], crashes: 1 }])(
    'say all there is to say, in fewer states: %o',
    (options) => {
      const model = { views: 1, heights: 1, ...options };
      const whole = simplex({ ...model, joined: false, symmetry: false });
      expect(simplex(model).states).toBeLessThan(whole.states);
      for (const report of [
        simplex(model),
        simplex({ ...model, joined: false }),
        simplex({ ...model, symmetry: false }),
      ]) {
        expect(report.outcomes).toBe(whole.outcomes);
        expect(report.states).toBeLessThanOrEqual(whole.states);
      }
    },
  );

  it('say all there is to say where unseen steps come before seen ones', () => {
    const model = { views: 2, heights: 1, byzantine: [2], timers: false };
    const [few, many] = [simplex(model), simplex({ ...model, joined: false })];
    expect(few.outcomes).toBe(many.outcomes);
    expect(few.states).toBeLessThan(many.states / 3);
  });
});

describe('seeded bugs', () => {
  it('S10: a Finalize vote after Nullify', async () => {
    const engine = await mutant<typeof Voting>(VOTE, ({ castVote }) => ({
      castVote: (state, round, statement, proposal) => {
        const nullified = round.nullified;
        if (statement.kind === 'finalize') round.nullified = false;
        const cast = castVote(state, round, statement, proposal);
        round.nullified ||= nullified;
        return cast;
      },
    }));
    const { violation } = simplex({ views: 1, heights: 1, engine, joined: false });
    expect(violation).toMatchInlineSnapshot(`
      {
        "history": [
          "V2: timer 1/advance rings → signs nullify view 1",
          "V3: receives proposal A1 on genesis from V1, Byzantine → signs notarize A1",
          "V4: receives proposal A1 on genesis from V1, Byzantine → signs notarize A1",
          "V2: receives the certificate of notarize A1 → S10: signed nullify view 1 and finalize A1",
        ],
        "rule": "S10: signed nullify view 1 and finalize A1",
      }
    `);
  });

  it('S10: a journal forgotten at restart', () => {
    const { violation } = simplex({ views: 1, heights: 1, crashes: 1, forgetful: true, joined: false });
    expect(violation?.rule).toBe('S10: signed notarize A1 and notarize B1');
    expect(violation?.history).toHaveLength(3);
  });

  it('S4: a quorum of two of four', () => {
    const { violation } = simplex({ views: 1, heights: 1, quorum: 2, joined: false });
    expect(violation).toMatchInlineSnapshot(`
      {
        "history": [
          "V2: timer 1/advance rings → signs nullify view 1",
          "V3: receives proposal A1 on genesis from V1, Byzantine → signs notarize A1, signs finalize A1, is in view 2",
        ],
        "rule": "Finalization excludes Nullification: nullify view 1 and finalize A1 both have a quorum",
      }
    `);
  });

  it('S2: parents above views that nobody nullified', async () => {
    const engine = await mutant<typeof Justification>(JUSTIFICATION, ({ justifies }) => ({
      justifies: (state, header, certificates) => justifies(state, header, certificates) || certificates.length <= 1,
      skippedAreNullified: () => true,
    }));
    const { violation } = simplex({ views: 2, heights: 1, byzantine: [2], timers: false, engine });
    expect(violation).toMatchInlineSnapshot(`
      {
        "history": [
          "V3: receives proposal A1 on genesis from V1 → signs notarize A1",
          "V1: receives proposal X2 on genesis from V2, Byzantine",
          "V1: receives the certificate of notarize A1 → signs notarize X2, signs finalize A1, is in view 2",
          "V4: receives proposal X2 on genesis from V2, Byzantine",
          "V4: receives the certificate of notarize A1 → signs notarize X2, signs finalize A1, is in view 2",
          "V1: receives the certificate of notarize X2 → signs finalize X2, is in view 3",
          "V1: receives the certificate of finalize A1 → finalizes A1",
          "V3: receives the certificate of notarize X2 → signs finalize X2, is in view 3",
          "V4: receives the certificate of finalize X2 → finalizes X2",
        ],
        "rule": "agreement: at height 1 one finalized X2, another A1",
      }
    `);
  });

  it('S10: votes that were not written down before a crash', async () => {
    const engine = await mutant<typeof Voting>(VOTE, ({ castVote }) => ({
      castVote: (state, round, statement, proposal) => {
        const before = state.persist.length;
        const cast = castVote(state, round, statement, proposal);
        state.persist.length = before;
        return cast;
      },
    }));
    const { violation } = simplex({ views: 1, heights: 1, crashes: 1, engine, joined: false });
    expect(violation).toMatchInlineSnapshot(`
      {
        "history": [
          "V2: receives proposal A1 on genesis from V1, Byzantine → signs notarize A1",
          "V2: crashes and restarts from its floor",
          "V2: receives proposal B1 on genesis from V1, Byzantine → S10: signed notarize A1 and notarize B1",
        ],
        "rule": "S10: signed notarize A1 and notarize B1",
      }
    `);
  });
});
