import type { Block, Engine, Header, Input, Output } from '@quorate/kernel';
import { simplexMechanism } from '@quorate/replica';
import type { SimplexMessage, SimplexRecord } from '@quorate/simplex';

type In = Input<SimplexMessage, SimplexRecord>;
type Out = Output<SimplexMessage, SimplexRecord>;
type Step = (input: In, honest: (input: In) => Out) => Out;

/** Simplex whose engines all take their steps in another way. */
function mechanismWith(step: () => Step): typeof simplexMechanism {
  return {
    ...simplexMechanism,
    createEngine: (context) => {
      const honest = simplexMechanism.createEngine(context);
      const way = step();
      const engine: Engine<SimplexMessage, SimplexRecord> = {
        step: (input) => way(input, (next) => honest.step(next)),
        checkpoint: () => honest.checkpoint(),
        status: () => honest.status(),
      };
      return engine;
    },
  };
}

const advance = (view: number, at: number) => ({ kind: 'setTimer', timer: `${view}/advance`, at }) as const;

/** What becomes final looks like this, whatever was voted on. */
function finalizing(change: (header: Header) => Header): typeof simplexMechanism {
  const changed = ({ header, ref }: Block): Block => ({ header: change(header), ref });
  return mechanismWith(() => (input, honest) => {
    const { persist, effects } = honest(input);
    return {
      persist,
      effects: effects.map((effect) =>
        effect.kind === 'finalized'
          ? { ...effect, commit: { ...effect.commit, blocks: effect.commit.blocks.map(changed) } }
          : effect,
      ),
    };
  });
}

/** Engines with something wrong, each in one way that a check must see. */
export const breaking = {
  /** Nothing is read back at a start. */
  forgetful: mechanismWith(
    () => (input, honest) => honest(input.kind === 'start' ? { ...input, restored: [] } : input),
  ),
  throwing: mechanismWith(() => (input, honest) => {
    if (input.kind === 'timer') throw new RangeError('a timer is too much');
    return honest(input);
  }),
  /** Votes once more when the epoch is over. */
  tireless: mechanismWith(() => (input, honest) => {
    const { persist, effects } = honest(input);
    const end = effects.find((effect) => effect.kind === 'epochEnded');
    if (end === undefined) return { persist, effects };
    const { epoch, view } = end.proof.statement;
    return { persist, effects: [...effects, { kind: 'sign', statement: { kind: 'nullify', epoch, view: view + 9 } }] };
  }),
  backwards: mechanismWith(() => (input, honest) => {
    const { persist, effects } = honest(input);
    const entered = effects.some((effect) => effect.kind === 'setTimer' && effect.timer === '3/advance');
    return { persist, effects: entered ? [...effects, advance(2, input.now + 1)] : effects };
  }),
  /** Hears nothing but itself. */
  deaf: mechanismWith(
    () => (input, honest) => (input.kind === 'message' ? { persist: [], effects: [] } : honest(input)),
  ),
  /** Every timer brings another one at once. */
  flooding: mechanismWith(() => (input, honest) => {
    const { persist, effects } = honest(input);
    return { persist, effects: [...effects, { kind: 'setTimer', timer: 'again', at: input.now }] };
  }),
  /** Never says that the epoch is over. */
  unending: mechanismWith(() => (input, honest) => {
    const { persist, effects } = honest(input);
    return { persist, effects: effects.filter(({ kind }) => kind !== 'epochEnded') };
  }),
  early: finalizing((header) => ({ ...header, time: 1 })),
  strange: finalizing((header) => ({ ...header, validatorsRoot: header.parentDigest })),
  naming: finalizing((header) => ({ ...header, nextValidatorsRoot: header.parentDigest })),
};
