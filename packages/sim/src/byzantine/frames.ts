import {
  bodyRoots,
  type Certificate,
  conflictOf,
  type Epoch,
  type Evidence,
  type EvidenceKind,
  type Statement,
  toHex,
  type Validator,
  type View,
  type Vote,
} from '@quorate/kernel';
import type { SimplexMessage } from '@quorate/simplex';
import { sha256 } from '../hash.ts';
import { type Forge, forging } from './blocks.ts';
import type { Means, Strategy } from './disguise.ts';
import { evidenceOf } from './wire.ts';

// Evidence against who did nothing wrong.

/** True votes of others that are remembered, to be used against them. */
const REMEMBERED = 200;

/** Votes of honest validators, taken out of the certificates that pass by. */
class Letters {
  readonly #means: Means;
  #votes: Vote[] = [];

  constructor(means: Means) {
    this.#means = means;
  }

  /** A suite whose aggregates are not its signatures one after the other gives nothing. */
  read({ statement, signers, signature }: Certificate): void {
    const width = this.#means.suite.signatureBytes;
    const members = this.#means.members(statement.epoch);
    let place = 0;
    for (let signer = 0; signer < members.length; signer++) {
      if ((((signers[signer >> 3] ?? 0) >> (signer & 7)) & 1) === 0) continue;
      const part = signature.slice(place * width, (place + 1) * width);
      place++;
      if (part.length === width) this.#votes.push({ statement, signer, signature: part });
    }
    this.#votes = this.#votes.slice(-REMEMBERED);
  }

  /** Two true votes of one signer: of different views or epochs, of different kinds, or the same twice. Null while there are none. */
  two(signer: number): readonly [Vote, Vote] | null {
    const { stream } = this.#means;
    const own = this.#votes.filter((vote) => vote.signer === signer);
    return own.length === 0 ? null : [stream.pick(own), stream.pick(own)];
  }
}

/** Somebody honest who votes in an epoch. */
function victimOf({ stream, accomplices, members }: Means, epoch: Epoch) {
  const guilty = new Set(accomplices().map(({ publicKey }) => toHex(publicKey)));
  const honest = members(epoch).flatMap((member, signer) =>
    guilty.has(toHex(member.publicKey)) ? [] : [{ member, signer }],
  );
  return honest.length === 0 ? null : stream.pick(honest);
}

/** Two statements of one view that contradict each other. */
function contradiction({ stream }: Means, epoch: Epoch, view: View): readonly [Statement, Statement] {
  const block = (): string => toHex(stream.bytes(32));
  if (stream.chance(0.3))
    return [
      { kind: 'nullify', epoch, view },
      { kind: 'finalize', epoch, view, block: block() },
    ];
  const kind = stream.pick(['notarize', 'finalize'] as const);
  return [
    { kind, epoch, view, block: block() },
    { kind, epoch, view, block: block() },
  ];
}

const KINDS: readonly EvidenceKind[] = ['conflicting-notarize', 'conflicting-finalize', 'nullify-finalize'];

/** Evidence in two votes, whether or not they contradict each other. */
function claim({ stream }: Means, [first, second]: readonly [Vote, Vote]): Evidence {
  return conflictOf(first, second) ?? { kind: stream.pick(KINDS), first, second };
}

/** Signs in the name of a validator: with our own key, with no key, or with the signature that its owner gave to another network. */
function signed(means: Means, statement: Statement, { publicKey }: Validator, signer: number): Vote {
  const { stream, vote, suite } = means;
  const abroad = means.abroad(publicKey, statement);
  if (abroad !== null && stream.chance(0.5)) return { statement, signer, signature: abroad };
  return stream.chance(0.5)
    ? vote(statement, signer)
    : { statement, signer, signature: stream.bytes(suite.signatureBytes) };
}

/** Evidence against an honest validator; null while nobody is known to vote in the epoch. */
function fabricated(means: Means, letters: Letters, epoch: Epoch, view: View): Evidence | null {
  const victim = victimOf(means, epoch);
  if (victim === null) return null;
  const { member, signer } = victim;
  const held = means.stream.chance(0.4) ? letters.two(signer) : null;
  if (held !== null) return claim(means, held);
  const [one, other] = contradiction(means, epoch, view);
  return claim(means, [signed(means, one, member, signer), signed(means, other, member, signer)]);
}

function certificatesIn(message: SimplexMessage): readonly Certificate[] {
  if (message.kind === 'certificate') return [message.certificate];
  return message.kind === 'proposal' ? message.justification : [];
}

/**
 * Accuses honest validators, in gossip and in proposals: with signatures that are not theirs, with one vote twice, with votes of two views
 * or epochs, with votes that do not contradict each other, with what they signed for another network.
 */
export const framing: Strategy = (means) => {
  const { stream } = means;
  const letters = new Letters(means);
  const forge: Forge = ({ header, body }) => {
    if (body.transactions.length === 0 || stream.chance(0.3)) return null;
    const piece = fabricated(means, letters, header.epoch, Math.max(1, header.view - 1));
    if (piece === null) return null;
    const accusing = { ...body, evidence: [...body.evidence, piece] };
    return { header: { ...header, ...bodyRoots(sha256, accusing) }, body: accusing };
  };
  const propose = forging(means, forge, () => true);
  return (outgoing, spoken) => {
    const said = propose(outgoing, spoken);
    if (spoken?.traffic !== 'votes') return said;
    const { message, epoch } = spoken;
    for (const certificate of certificatesIn(message)) letters.read(certificate);
    if (message.kind !== 'vote' || !stream.chance(0.02)) return said;
    const piece = fabricated(means, letters, epoch, message.vote.statement.view);
    return piece === null ? said : [...said, evidenceOf(outgoing.to, [piece])];
  };
};
