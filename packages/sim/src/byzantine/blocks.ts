import { type Body, bodyRoots, type Digest, type Header, headerDigest, type PeerId, TRAFFIC } from '@quorate/kernel';
import type { CarriedBlock } from '@quorate/replica';
import { sha256 } from '../hash.ts';
import type { Behaviour, Means, Strategy } from './disguise.ts';
import { bodiesOf, type Outgoing, type Spoken, syncOf, votesOf } from './wire.ts';

// Ways to lie with blocks: those that are proposed and those that are handed to who catches up.

/** Another block in place of a proposal of ours, the same one each time; `null` leaves it alone. */
export type Forge = (block: CarriedBlock) => CarriedBlock | null;

/** Sends a forged proposal, with its body and a vote for it, to everybody for whom `deceives` holds. */
export function forging({ genesis, vote }: Means, forge: Forge, deceives: (to: PeerId) => boolean): Behaviour {
  const forged = new Map<Digest, CarriedBlock>();
  const nameOf = (header: Header): Digest => headerDigest(sha256, genesis.chainId, header);
  const onBodies = (outgoing: Outgoing, { message }: Extract<Spoken, { traffic: 'bodies' }>): readonly Outgoing[] => {
    if (message.kind !== 'push') return [outgoing];
    const name = nameOf(message.block.header);
    const block = forged.get(name) ?? forge(message.block);
    if (block === null) return [outgoing];
    forged.set(name, block);
    return deceives(outgoing.to) ? [bodiesOf(outgoing.to, { kind: 'push', block })] : [outgoing];
  };
  return (outgoing, spoken) => {
    if (spoken?.traffic === 'bodies') return onBodies(outgoing, spoken);
    if (spoken?.traffic !== 'votes' || !deceives(outgoing.to)) return [outgoing];
    const { message, epoch } = spoken;
    const said = message.kind === 'vote' ? message.vote.statement : null;
    const named = message.kind === 'proposal' ? nameOf(message.header) : said?.kind === 'notarize' ? said.block : null;
    const block = named === null ? undefined : forged.get(named);
    if (block === undefined) return [outgoing];
    const { view } = block.header;
    const signer = message.kind === 'vote' ? message.vote.signer : 0;
    const own = vote({ kind: 'notarize', epoch: block.header.epoch, view, block: nameOf(block.header) }, signer);
    if (message.kind === 'vote') return [votesOf(outgoing.to, epoch, { kind: 'vote', vote: own })];
    if (message.kind !== 'proposal') return [outgoing];
    return [votesOf(outgoing.to, epoch, { ...message, header: block.header, signature: own.signature })];
  };
}

/** Proposes one block to half of the others and another, just as good, to the rest. */
export const equivocating: Strategy = (means) => {
  const other = new Set(means.peers.filter(() => means.stream.chance(0.5)));
  const forge: Forge = ({ header, body }) => ({ header: { ...header, time: header.time + 1 }, body });
  return forging(means, forge, (to) => other.has(to));
};

/** Proposes blocks that no application takes. */
export const invalidPayload: Strategy = (means) => {
  const { stream } = means;
  const forge: Forge = ({ header, body }) => {
    if (stream.chance(0.3)) return null;
    const bodies: Body[] = [
      { ...body, transactions: [...body.transactions, stream.bytes(40)] },
      { ...body, transactions: [...body.transactions, ...body.transactions] },
      body,
    ];
    const changed = stream.pick(bodies);
    const roots = bodyRoots(sha256, changed);
    const root = stream.chance(0.3) ? { stateRoot: '11'.repeat(32) } : {};
    return { header: { ...header, ...roots, ...root }, body: changed };
  };
  return forging(means, forge, () => true);
};

/** Proposes, and hands its blocks to nobody, or to few. */
export const withholding: Strategy = ({ peers, stream }) => {
  const few = new Set(peers.filter(() => stream.chance(0.3)));
  return (outgoing) => (outgoing.traffic === 'bodies' && !few.has(outgoing.to) ? [] : [outgoing]);
};

/** Answers who catches up with blocks that are not, certificates that prove nothing, and heights that nobody reached. */
export const fakeSync: Strategy = ({ stream }) => {
  const spoilt = (block: CarriedBlock): CarriedBlock => {
    const { header, body } = block;
    if (stream.chance(0.5)) return { header: { ...header, time: header.time + 7 }, body };
    return { header, body: { ...body, transactions: [...body.transactions, stream.bytes(10)] } };
  };
  return (outgoing, spoken) => {
    if (spoken?.traffic !== 'sync') return [outgoing];
    const { message } = spoken;
    switch (message.kind) {
      case 'tip': {
        const far = stream.pick([1, 3, 1000]);
        return [
          syncOf(outgoing.to, { ...message, height: message.height + far, epoch: message.epoch + stream.below(2) }),
        ];
      }
      case 'range': {
        const at = stream.below(Math.max(1, message.blocks.length));
        const blocks = message.blocks.map((block, index) => (index === at ? spoilt(block) : block));
        const fakes = [
          { ...message, blocks },
          { ...message, blocks: message.blocks.slice(0, -1) },
          { ...message, blocks: [...message.blocks].reverse() },
          { ...message, certificate: null },
        ];
        return [syncOf(outgoing.to, stream.pick(fakes))];
      }
      case 'answer': {
        const { answer } = message;
        // Who offers what everybody else offers is asked for its pieces: they are well formed, and the state of nobody.
        if (answer.kind === 'snapshots' && stream.chance(0.7)) return [outgoing];
        if (answer.kind === 'chunk' && answer.bytes !== null)
          return [syncOf(outgoing.to, { ...message, answer: { ...answer, bytes: spoiltBytes(answer.bytes, stream) } })];
        return stream.chance(0.5) ? [{ ...outgoing, bytes: spoiltBytes(outgoing.bytes, stream) }] : [];
      }
      default:
        return [outgoing];
    }
  };
};

function spoiltBytes(bytes: Uint8Array, stream: Means['stream']): Uint8Array {
  if (bytes.length === 0) return bytes;
  const at = stream.below(bytes.length);
  return Uint8Array.from(bytes, (byte, index) => (index === at ? byte ^ (1 << stream.below(8)) : byte));
}

/** Speaks, and throws rubbish in between. */
export const garbage: Strategy = ({ stream }) => {
  return (outgoing) => {
    if (!stream.chance(0.05)) return [outgoing];
    const rubbish = { to: outgoing.to, traffic: stream.pick(TRAFFIC), bytes: stream.bytes(stream.below(300)) };
    // A transaction of the register carries no signature: one that was changed may be as good as any other.
    return stream.chance(0.5) || outgoing.traffic === 'transactions'
      ? [outgoing, rubbish]
      : [outgoing, { ...outgoing, bytes: spoiltBytes(outgoing.bytes, stream) }];
  };
};
