import { lastHeightOf } from '@quorate/kernel';
import { simplexMechanism } from '@quorate/replica';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { lightSimplex } from '../light/simplex.ts';
import { runTwins, type TwinsReport } from './campaign.ts';

type Mechanism = typeof simplexMechanism;
type EngineClass = typeof import('@quorate/simplex').Simplex;

const sources = '../../../simplex/src';

/** The mechanism with another engine class. */
function mechanismOf(Engine: EngineClass): Mechanism {
  return {
    ...simplexMechanism,
    createEngine: ({ parameters, epoch, floor, hash, suite, ...context }) =>
      new Engine(
        {
          ...context,
          epoch,
          floor,
          floorView: floor.ref.view,
          lastHeight: lastHeightOf(parameters, epoch),
          timing: { delta: parameters.delta, maxTimeout: parameters.maxTimeout },
        },
        { hash, suite },
      ),
  };
}

/** Engines with one module replaced: product code knows nothing of this. */
async function mutant(module: string, change: (real: Record<string, never>) => object): Promise<Mechanism> {
  vi.resetModules();
  vi.doMock(`${sources}/${module}`, async (original) => {
    const real = await original<Record<string, never>>();
    return { ...real, ...change(real) };
  });
  return mechanismOf((await import('@quorate/simplex')).Simplex);
}

afterEach(() => {
  vi.doUnmock(`${sources}/vote.ts`);
  vi.doUnmock(`${sources}/justification.ts`);
  vi.resetModules();
});

/** Forgets in some cases that a view was nullified when it votes to finalize it. */
function finalizeAfterNullify(
  forgets: (state: { view: number }, round: { view: number }) => boolean,
): Promise<Mechanism> {
  return mutant('vote.ts', (real) => {
    const castVote = real.castVote as unknown as (...of: unknown[]) => boolean;
    return {
      castVote: (
        state: { view: number },
        round: { view: number; nullified: boolean },
        statement: { kind: string },
        ...rest: unknown[]
      ) => {
        const { nullified } = round;
        if (statement.kind === 'finalize' && forgets(state, round)) round.nullified = false;
        const cast = castVote(state, round, statement, ...rest);
        round.nullified ||= nullified;
        return cast;
      },
    };
  });
}

/** What Twins as published looks for. */
const disagreement = (fault: string): boolean => /final in two ways|sees a fork/.test(fault);

/** Partitions of every step, what crosses them late. */
function byStep(mechanism: Mechanism, count: number, more: { quorum?: number; all?: boolean } = {}): TwinsReport {
  return runTwins({
    protocol: lightSimplex(mechanism),
    space: { validators: 4, twins: 1, views: 3, partitions: 'step' },
    across: 'delay',
    seed: 7,
    count,
    stopAtViolation: true,
    ...(more.all ? {} : { counts: disagreement }),
    ...(more.quorum === undefined ? {} : { quorum: more.quorum }),
  });
}

/** As Twins was published: one partition per view, what crosses it lost. All 510 scenarios of two views. */
function classic(mechanism: Mechanism): TwinsReport {
  return runTwins({
    protocol: lightSimplex(mechanism),
    space: { validators: 4, twins: 1, views: 2, partitions: 'view' },
    across: 'drop',
    seed: 7,
    count: 1_000_000,
    stopAtViolation: true,
    counts: disagreement,
  });
}

describe('Twins', () => {
  it('finds nothing in the engine as it is, and that not by standing still', () => {
    const report = byStep(simplexMechanism, 300, { all: true });
    expect(report.violations).toEqual([]);
    expect([report.scenarios, report.active]).toEqual([300, 300]);
    expect(report.events).toBeGreaterThan(100_000);
    expect(byStep(simplexMechanism, 50, { all: true })).toEqual(byStep(simplexMechanism, 50, { all: true }));
  });

  it('S10: catches Finalize after Nullify as a contradiction and as a fork', async () => {
    const engine = await finalizeAfterNullify(() => true);
    expect(byStep(engine, 200, { all: true }).violations[0]?.fault).toMatch(/signed nullify and then finalize/);
    expect(byStep(engine, 500).violations[0]?.fault).toMatch(/final in two ways|sees a fork/);
  });

  it('S5: catches a fork by Finalize votes on late Notarizations, which the classic form misses in all its scenarios', async () => {
    // All 25,740 scenarios of three views miss it too; that takes a minute.
    const engine = await finalizeAfterNullify((state, round) => round.view < state.view);
    expect(byStep(engine, 500).violations).toHaveLength(1);
    const missed = classic(engine);
    expect([missed.scenarios, missed.violations]).toEqual([510, []]);
  });

  it('S2: catches parents over views that nobody nullified', async () => {
    const engine = await mutant('justification.ts', (real) => {
      const { justifies, chooseParent } = real as unknown as {
        justifies: (state: unknown, header: unknown, certificates: readonly unknown[]) => boolean;
        chooseParent: (state: unknown, view: number, usable: unknown) => unknown;
      };
      return {
        skippedAreNullified: () => true,
        justifies: (state: unknown, header: unknown, certificates: readonly unknown[]) =>
          justifies(state, header, certificates) || certificates.length <= 1,
        // A leader of an even view forgets the Notarizations above its floor.
        chooseParent: (
          state: { floor: { view: number; block: { ref: { digest: string } }; certificate: unknown } },
          view: number,
          usable: unknown,
        ) => {
          const { block, certificate } = state.floor;
          if (view % 2 === 1 || (state.floor.view > 0 && certificate === null))
            return chooseParent(state, view, usable);
          const justification = certificate === null ? [] : [certificate];
          return { kind: 'parent', view: state.floor.view, digest: block.ref.digest, final: true, justification };
        },
      };
    });
    expect(byStep(engine, 500).violations).toHaveLength(1);
  });

  it('S4: catches a quorum that is one too small', () => {
    expect(byStep(simplexMechanism, 500, { quorum: 2 }).violations).toHaveLength(1);
  });
});
