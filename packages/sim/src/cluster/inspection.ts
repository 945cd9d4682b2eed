import { type Digest, type Height, isQuorateError, type PeerId, type Traffic, toHex } from '@quorate/kernel';
import type { Replica } from '@quorate/replica';
import { read } from '../byzantine/wire.ts';
import type { Checkers } from '../checkers/checkers.ts';
import type { Cluster } from '../cluster.ts';
import { keptFrom } from './booting.ts';
import { answerOf, type Member } from './member.ts';

/** A replica that runs and keeps the rules. */
export interface Witness {
  readonly name: string;
  readonly replica: Replica;
  /** Asks without leaving a trace. */
  ask<T>(question: () => T): T;
}

/** Virtual ms after which a contradiction that a replica was handed is evidence: verified, written, and past any pause of its process. */
const REPORTED = 3000;

/** Hears what breakers of the rules vote, as it is handed to those who keep them. Call it before any machine starts. */
export function hearVotes(cluster: Cluster): void {
  const { network, world, checkers } = cluster;
  const port = network.port.bind(network);
  const memberOf = (peer: PeerId): Member | undefined => cluster.members.find((member) => member.peer === peer);
  network.port = (life, peer) => {
    const transport = port(life, peer);
    const member = memberOf(peer);
    if (member === undefined || !cluster.isHonest(member)) return transport;
    const { name, machine } = member;
    const hear = (from: PeerId, traffic: Traffic, bytes: Uint8Array): void => {
      const { contradictions } = checkers;
      if (traffic !== 'votes' || contradictions === null) return;
      const source = memberOf(from);
      const spoken = source !== undefined && cluster.isHonest(source) ? null : read(traffic, bytes);
      if (
        spoken?.traffic !== 'votes' ||
        spoken.message.kind !== 'vote' ||
        spoken.epoch !== spoken.message.vote.statement.epoch
      ) {
        contradictions.interrupted(name);
        return;
      }
      const delivery = { to: name, life: machine.lives, at: world.elapsed, vote: spoken.message.vote };
      contradictions.hear(delivery, from, () => answerOf(member, (replica) => replica.status().engine));
    };
    return {
      ...transport,
      start: (events) =>
        transport.start({
          message: (from, traffic, bytes) => {
            hear(from, traffic, bytes);
            events.message(from, traffic, bytes);
          },
          peers: (connected) => events.peers(connected),
        }),
    };
  };
}

/** Once at the end: whoever was handed contradicting votes in its present life, and could write them down, names their key as evidence. */
export function demandEvidence(cluster: Cluster): void {
  const { world, checkers, members } = cluster;
  for (const member of members) {
    const { name, machine } = member;
    if (!cluster.isHonest(member) || machine.disk.slowness > 1) continue;
    const evidence = answerOf(member, (replica) => replica.evidence(1000));
    if (evidence === null || machine.program?.halted !== null) continue;
    const accused = new Set(evidence.map(({ offender }) => toHex(offender)));
    const seen = checkers.contradictions?.seenBy(name) ?? [];
    const missing = seen.find(
      ({ key, life, at }) => life === machine.lives && at + REPORTED <= world.elapsed && !accused.has(key),
    );
    if (missing !== undefined) checkers.unaccused(name, missing);
  }
}

/** Heights below the top whose proofs are asked for. */
const PROOFS = 12;

export interface Examination {
  readonly checkers: Checkers;
  /** Voting keys of those that break the rules. */
  readonly breakers: readonly Uint8Array[];
  /** Whether a replica has reason to answer with this error. */
  readonly excused: (name: string, error: unknown) => boolean;
}

/** Checks what honest replicas serve at rest: evidence, blocks, proofs of finality, and where acknowledged transactions are. */
export function examine({ checkers, breakers, excused }: Examination, witnesses: Iterable<Witness>): void {
  const dishonest = new Set(breakers.map((key) => toHex(key)));
  for (const witness of witnesses) {
    try {
      witness.ask(() => question(checkers, witness, dishonest));
    } catch (error) {
      if (!isQuorateError(error)) throw error;
      if (!excused(witness.name, error)) checkers.stopped(witness.name, `${error.code}: ${error.message}`);
    }
  }
}

function question(checkers: Checkers, witness: Witness, dishonest: ReadonlySet<string>): void {
  const { name, replica } = witness;
  for (const { offender } of replica.evidence(1000)) checkers.accused(name, toHex(offender), dishonest);
  const top = replica.status().executedHeight;
  for (let height = top; height > 0; height--) {
    const block = replica.block(height);
    if (block === null) break; // older ones are pruned
    checkers.chain?.observe(name, block);
    const proof = height > top - PROOFS ? replica.finalityProof(height) : null;
    if (proof !== null) checkers.chain?.proof(name, block.digest, proof);
  }
  recall(checkers, witness);
}

/** Acknowledged transactions are where they were said to be. */
export function recall(checkers: Checkers, { name, replica }: Witness): void {
  const find = (id: Digest): Height | null => {
    const status = replica.transaction(id);
    return status.kind === 'final' ? status.height : null;
  };
  checkers.checkAcknowledged(name, replica.status().executedHeight, find, keptFrom(replica));
}
