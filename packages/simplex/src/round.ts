import type { Block, Certificate, Digest, StatementKind, ValidatorSet, View, Vote } from '@quorate/kernel';
import { Tally } from './tally.ts';

/** A block that its leader signed, with what justifies its parent. */
export interface Proposal {
  readonly block: Block;
  readonly justification: readonly Certificate[];
}

/** All that an engine knows of one view above its floor. */
export class Round {
  readonly view: View;
  readonly tally: Tally;

  // Durable, per view (simplex.md, "Rules").
  notarized: Digest | null = null;
  nullified = false;
  finalizeVoted: Digest | null = null;

  /** Our own votes, once the gate signed them. */
  readonly own = new Map<StatementKind, Vote>();

  /** The block whose leader's signature or justification is being checked or fetched. */
  incoming: Digest | null = null;
  /** S3: the first proposal of the leader, checked. */
  proposal: Proposal | null = null;
  /** What became of the proposal. `judging` may last for ever: the timers of the view handle it. */
  verdict: 'open' | 'judging' | 'valid' | 'invalid' = 'open';

  // S4: both a Notarization and a Nullification are kept when both exist.
  notarization: Certificate | null = null;
  nullification: Certificate | null = null;
  finalization: Certificate | null = null;

  /** S5: the Notarization is accepted, so that the block may be a parent. */
  accepted = false;
  certifying: 'not asked' | 'asked' | 'refused' = 'not asked';
  /** Offences of this view that are being checked or were reported. */
  readonly suspected = new Set<string>();
  /** Two blocks of this view's leader were seen. */
  equivocated = false;

  /** S2, in our own view: the step of our proposal. */
  building: 'idle' | 'awaiting finality' | 'asked' | 'built' | 'over' = 'idle';
  /** Certificates were asked for that our proposal needs. */
  sought = false;
  /** What was asked for, then what was built and waits to be durable. */
  plan: { readonly justification: readonly Certificate[]; readonly block: Block | null } | null = null;

  constructor(view: View, validators: ValidatorSet) {
    this.view = view;
    this.tally = new Tally(validators);
  }

  /** Whether something binds us in this view (S10). */
  get hasVoted(): boolean {
    return this.notarized !== null || this.nullified || this.finalizeVoted !== null;
  }

  certificate(kind: StatementKind): Certificate | null {
    switch (kind) {
      case 'notarize':
        return this.notarization;
      case 'nullify':
        return this.nullification;
      case 'finalize':
        return this.finalization;
    }
  }

  keep(certificate: Certificate): void {
    switch (certificate.statement.kind) {
      case 'notarize':
        this.notarization = certificate;
        return;
      case 'nullify':
        this.nullification = certificate;
        return;
      case 'finalize':
        this.finalization = certificate;
        return;
    }
  }

  certificates(): Certificate[] {
    return [this.notarization, this.nullification, this.finalization].filter((held) => held !== null);
  }
}
