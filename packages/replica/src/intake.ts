import {
  Budget,
  type Evidence,
  type Hash,
  type Millis,
  offenceId,
  type PeerId,
  QuorateError,
  unreachable,
} from '@quorate/kernel';
import type { EvidenceSubmission, Log, SubmitResult } from './api.ts';
import type { Counters } from './counters.ts';
import type { EvidencePool } from './evidence-pool.ts';
import { asFailure } from './failure.ts';
import type { Gossip } from './gossip.ts';
import type { Late } from './late.ts';
import type { Mempool } from './mempool.ts';
import type { Peers } from './peers.ts';
import type { Proposer } from './proposer.ts';
import type { Transactions } from './transactions.ts';
import type { GossipMessage } from './wire.ts';

export interface IntakeParts {
  readonly mempool: Mempool;
  readonly transactions: Transactions;
  readonly evidence: Late<EvidencePool>;
  readonly gossip: Late<Gossip>;
  readonly proposer: Late<Proposer>;
  readonly peers: Peers;
  readonly counters: Counters;
  readonly hash: Hash;
  readonly now: () => Millis;
  readonly log: Log;
  readonly halt: (error: QuorateError) => void;
}

/** What is to go into blocks, wherever it comes from: kept, told to the others, and a leader that waits for it is woken. */
export class Intake {
  readonly #parts: IntakeParts;
  readonly #checks = new Budget({ burst: 64, refillMs: 50 });

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  /** A transaction from a client of this node. */
  async submit(tx: Uint8Array): Promise<SubmitResult> {
    const { mempool, transactions, now } = this.#parts;
    const result = await mempool.add(tx, now());
    switch (result.kind) {
      case 'accepted':
        this.#took(tx, result.id, null);
        return { kind: 'accepted', id: result.id };
      case 'known':
      case 'settled':
        return { kind: 'accepted', id: result.id };
      case 'rejected':
        // Offered again after it became final, and after the mempool forgot it: the application finds its nonce used, the chain finds it.
        if (transactions.status(result.id).kind === 'final') return { kind: 'accepted', id: result.id };
        transactions.refused(result.id, result.reason);
        return { kind: 'rejected', id: result.id, reason: result.reason };
      default:
        return unreachable(result);
    }
  }

  /** What a peer passes on. */
  async gossiped(from: PeerId, message: GossipMessage): Promise<void> {
    const { mempool, evidence, peers, counters } = this.#parts;
    const now = this.#parts.now();
    switch (message.kind) {
      case 'transactions':
        for (const tx of message.transactions) {
          if (peers.isExpelled(from, now)) return counters.add('dropped.gossip-expelled');
          const result = await mempool.add(tx, now);
          if (result.kind === 'accepted') this.#took(tx, result.id, from);
          else if (result.kind === 'rejected') {
            counters.add('gossip.rejected');
            // Whatever else is wrong with it may have come true on its way: a nonce was used, a mempool filled up.
            if (result.inadmissible === true) peers.blame(from, 'flood', result.reason, now);
          }
        }
        return;
      case 'evidence':
        for (const piece of message.evidence) {
          if (peers.isExpelled(from, now)) return counters.add('dropped.gossip-expelled');
          const outcome = await evidence.value.add(piece);
          if (outcome.kind === 'false') peers.blame(from, 'invalid', outcome.reason, now);
          if (outcome.kind === 'added') this.#tookEvidence();
        }
        return;
      default:
        return unreachable(message);
    }
  }

  /** Evidence from a client of this node. Whoever sends evidence that is false pays nothing for it: a budget bounds what is checked. */
  async submitEvidence(evidence: Evidence): Promise<EvidenceSubmission> {
    const { hash, now } = this.#parts;
    const pool = this.#parts.evidence.value;
    const offence = offenceId(hash, evidence);
    if (pool.has(offence)) return { kind: 'accepted', offence };
    if (!this.#checks.take(now()))
      throw new QuorateError('rpc/limited', 'too much evidence is being checked: try again in a moment');
    const outcome = await pool.add(evidence);
    if (outcome.kind === 'added') this.#tookEvidence();
    if (outcome.kind === 'added' || outcome.kind === 'known') return { kind: 'accepted', offence };
    return { kind: 'rejected', reason: outcome.reason };
  }

  /** Evidence that our own engine found. */
  found(evidence: Evidence): void {
    const { log, halt } = this.#parts;
    this.#parts.evidence.value.add(evidence).then(
      (outcome) => {
        if (outcome.kind !== 'added') return;
        log('warn', 'a validator broke the rules', { kind: evidence.kind, signer: evidence.first.signer });
        this.#tookEvidence();
      },
      (error: unknown) => halt(asFailure(error, 'storing evidence failed')),
    );
  }

  #took(tx: Uint8Array, id: string, from: PeerId | null): void {
    const { transactions, peers, gossip, proposer, now } = this.#parts;
    transactions.accepted(id, now());
    // What a validator sends, it sends to everybody; what an observer sends may have reached only us.
    if (from === null || !peers.isValidator(from)) gossip.value.transaction(tx, from);
    proposer.value.wake();
  }

  #tookEvidence(): void {
    this.#parts.gossip.value.evidence();
    this.#parts.proposer.value.wake();
  }
}
