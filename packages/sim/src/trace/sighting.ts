export type SightingKind =
  | 'fault'
  | 'start'
  | 'crash'
  | 'halt'
  | 'view'
  | 'proposal'
  | 'vote'
  | 'certificate'
  | 'body'
  | 'evidence'
  | 'sync'
  | 'final'
  | 'log'
  | 'violation';

/** Something worth telling that happened in a run. */
export interface Sighting {
  /** Virtual ms since the world began. */
  readonly at: number;
  /** The machine that did it; empty for what is nobody's doing. */
  readonly node: string;
  readonly kind: SightingKind;
  /** In words, in one line. */
  readonly text: string;
  /** Machines that a message was sent to; empty for what is no message. */
  readonly to: readonly string[];
  /** The same for programs: numbers, digests, the decoded statement. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** What a machine does or says, before it is known when and who. */
export interface Spoken {
  readonly kind: SightingKind;
  readonly text: string;
  readonly fields: Readonly<Record<string, unknown>>;
}
