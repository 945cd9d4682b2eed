import { minorityOf, QuorateError, quorumOf } from '@quorate/kernel';
import { Simplex } from '@quorate/simplex';

/** Makes the engines of a model: the real one, or one with a bug. */
export type EngineMaker = new (...args: ConstructorParameters<typeof Simplex>) => Simplex;

export interface ModelOptions {
  readonly mechanism: 'simplex';
  /** Number of validators of weight 1, at most 10. Validator k leads view k. Default 4. */
  readonly validators?: number;
  /** Which validators are Byzantine, by the view that they lead, from 1. Default: the leader of view 1. */
  readonly byzantine?: readonly number[];
  /** Views in which anything happens: nobody acts in later ones. Default 2. */
  readonly views?: number;
  /** Height of the last block of the epoch (S11). Default 2. */
  readonly heights?: number;
  /** Crash-restarts of honest validators in one history. Default 0. */
  readonly crashes?: number;
  /** Whether timers ring; without them only a leader's own vote gives a view up. Default yes. */
  readonly timers?: boolean;
  /** Whether the answers of a replica (built, judged, body available) come at any later time instead of at once. Default no. */
  readonly lateAnswers?: boolean;
  /** Whether blocks are built and judged on parents that are not final (see the execution rule). Default yes. */
  readonly speculative?: boolean;
  /** Stop after so many states. Default: when there are no more. */
  readonly maxStates?: number;
  /** To show that a wrong quorum is noticed. Default ⌊2W/3⌋ + 1. */
  readonly quorum?: number;
  /** To show that broken engines are noticed. Default the real one. */
  readonly engine?: EngineMaker;
  /** Whether a restarted validator has forgotten its journal, to show that this is noticed. */
  readonly forgetful?: boolean;
  /** Whether equal states that differ in names of validators count once. Default yes. */
  readonly symmetry?: boolean;
  /**
   * Whether steps of a validator that nobody else notices are joined to its next one that somebody does: the same statements and
   * final blocks in far fewer states. Without it a history of a violation has the least number of steps there is. Default yes.
   */
  readonly joined?: boolean;
  /** Called about once per 50,000 states. */
  readonly onProgress?: (progress: ModelProgress) => void;
}

export interface ModelProgress {
  readonly states: number;
  readonly transitions: number;
  readonly depth: number;
  /** States found whose successors are not known yet. */
  readonly waiting: number;
}

/** Options with every default filled in. */
export interface Model {
  readonly validators: number;
  /** By index, from 0. */
  readonly byzantine: readonly number[];
  readonly honest: readonly number[];
  readonly views: number;
  readonly heights: number;
  readonly crashes: number;
  readonly timers: boolean;
  readonly lateAnswers: boolean;
  readonly speculative: boolean;
  readonly maxStates: number;
  readonly quorum: number | null;
  /** The quorum in force. */
  readonly threshold: number;
  readonly engine: EngineMaker;
  readonly forgetful: boolean;
  readonly symmetry: boolean;
  readonly joined: boolean;
}

/** Throws `config/invalid` for a model that makes no sense. */
export function modelOf(options: ModelOptions): Model {
  const validators = options.validators ?? 4;
  const views = options.views ?? 2;
  const byzantine = (options.byzantine ?? [1]).map((view) => view - 1);
  const count = (name: string, value: number, least: number, most: number): void => {
    if (Number.isInteger(value) && value >= least && value <= most) return;
    throw new QuorateError('config/invalid', `${name} is ${value}: a whole number from ${least} to ${most} is needed`);
  };
  count('the number of validators', validators, 1, 10);
  count('the number of views', views, 1, Math.max(1, validators - 1));
  count('the number of heights', options.heights ?? 2, 1, 8);
  count('the number of crashes', options.crashes ?? 0, 0, 8);
  for (const index of byzantine) count('a Byzantine validator', index + 1, 1, validators);
  if (options.mechanism !== 'simplex') {
    throw new QuorateError('config/invalid', `no model of ${String(options.mechanism)}: simplex is the one there is`);
  }
  return {
    validators,
    byzantine,
    honest: Array.from({ length: validators }, (_, index) => index).filter((index) => !byzantine.includes(index)),
    views,
    heights: options.heights ?? 2,
    crashes: options.crashes ?? 0,
    timers: options.timers ?? true,
    lateAnswers: options.lateAnswers ?? false,
    speculative: options.speculative ?? true,
    maxStates: options.maxStates ?? Number.POSITIVE_INFINITY,
    quorum: options.quorum ?? null,
    threshold: options.quorum ?? quorumOf(validators),
    engine: options.engine ?? Simplex,
    forgetful: options.forgetful ?? false,
    symmetry: options.symmetry ?? true,
    joined: options.joined ?? true,
  };
}

/** Whether the Byzantine validators are more than the protocol bears. */
export function isOverFault(model: Model): boolean {
  return model.byzantine.length >= minorityOf(model.validators);
}
