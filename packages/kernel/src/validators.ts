import { compareBytes, type Digest, type Hash, toHex } from './bytes.ts';
import { bytes, type Codec, checked, encode, hex, list, struct, text, u53 } from './codec.ts';
import { QuorateError } from './errors.ts';
import type { PeerId } from './ports.ts';

/** Position of a validator in the canonical order of its set. */
export type SignerIndex = number;

/** One voter. */
export interface Validator {
  /** The voting key, in the set's suite. */
  readonly publicKey: Uint8Array;
  /** Voting weight: a positive integer. */
  readonly weight: number;
  /** Proof of possession of the voting key; empty for suites that need none. */
  readonly proof: Uint8Array;
  /** The node key under which this validator speaks on the wire. */
  readonly peer: PeerId;
  /** Where peers dial it, `host:port`, or empty. */
  readonly address: string;
}

/** A change of the set: weight 0 removes the validator with this voting key. */
export type ValidatorUpdate = Validator;

/** Largest total weight: 2W and 3f stay exact in a double (simplex.md, "Rules"). */
export const MAX_TOTAL_WEIGHT = 2 ** 51;
/** Most validators in one set: bounds bitmaps and certificates. */
export const MAX_VALIDATORS = 1024;

export const validatorCodec: Codec<Validator> = struct<Validator>({
  publicKey: bytes(2048),
  weight: u53,
  proof: bytes(4096),
  peer: hex(32),
  address: text(255),
});

/** Least integer weight that is more than two thirds of `total`: ⌊2W/3⌋ + 1. */
export function quorumOf(total: number): number {
  return (2 * total - ((2 * total) % 3)) / 3 + 1;
}

/** Least integer weight that is more than one third of `total`: holds at least one honest validator. */
export function minorityOf(total: number): number {
  return (total - (total % 3)) / 3 + 1;
}

/**
 * An immutable set of weighted voters in canonical order (by voting key).
 * Throws `validators/invalid` for an empty set, zero or fractional weights, duplicate keys or peers, or a total above 2^51.
 */
export class ValidatorSet {
  readonly members: readonly Validator[];
  readonly total: number;
  /** q = ⌊2W/3⌋ + 1. */
  readonly quorum: number;
  /** Least weight that must contain an honest validator while 3f < W: ⌊W/3⌋ + 1. */
  readonly minority: number;
  readonly #byKey = new Map<string, SignerIndex>();
  readonly #byPeer = new Map<PeerId, SignerIndex>();
  #root: { readonly hash: Hash; readonly digest: Digest } | null = null;

  constructor(members: readonly Validator[]) {
    const refuse = (message: string): never => {
      throw new QuorateError('validators/invalid', message);
    };
    if (members.length === 0) refuse('a validator set needs at least one member');
    if (members.length > MAX_VALIDATORS)
      refuse(`a validator set has at most ${MAX_VALIDATORS} members, not ${members.length}`);
    this.members = [...members].sort((a, b) => compareBytes(a.publicKey, b.publicKey));
    let total = 0;
    this.members.forEach((member, index) => {
      const key = toHex(member.publicKey);
      if (!Number.isSafeInteger(member.weight) || member.weight <= 0) {
        refuse(`validator ${key} has weight ${member.weight}: weights are positive integers`);
      }
      if (member.weight > MAX_TOTAL_WEIGHT - total) refuse('the total weight exceeds 2^51');
      total += member.weight;
      if (this.#byKey.has(key)) refuse(`voting key ${key} appears twice`);
      if (this.#byPeer.has(member.peer)) refuse(`node key ${member.peer} appears twice`);
      this.#byKey.set(key, index);
      this.#byPeer.set(member.peer, index);
    });
    this.total = total;
    this.quorum = quorumOf(total);
    this.minority = minorityOf(total);
  }

  get size(): number {
    return this.members.length;
  }

  /** The member at `index`, or `undefined`. */
  at(index: SignerIndex): Validator | undefined {
    return this.members[index];
  }

  /** Weight of the member at `index`; 0 when there is none. */
  weightOf(index: SignerIndex): number {
    return this.members[index]?.weight ?? 0;
  }

  /** Exact weight of a set of distinct members. */
  weightOfAll(indices: Iterable<SignerIndex>): number {
    let weight = 0;
    for (const index of new Set(indices)) weight += this.weightOf(index);
    return weight;
  }

  indexOfKey(publicKey: Uint8Array): SignerIndex | null {
    return this.#byKey.get(toHex(publicKey)) ?? null;
  }

  indexOfPeer(peer: PeerId): SignerIndex | null {
    return this.#byPeer.get(peer) ?? null;
  }

  /** The digest under which a header commits to this set. */
  root(hash: Hash): Digest {
    if (this.#root?.hash !== hash) this.#root = { hash, digest: toHex(hash(encode(validatorSetCodec, this))) };
    return this.#root.digest;
  }

  /** This set after `updates`, applied in order; `null` when nobody would be left. Throws `validators/invalid`. */
  updated(updates: readonly ValidatorUpdate[]): ValidatorSet | null {
    const byKey = new Map(this.members.map((member) => [toHex(member.publicKey), member]));
    for (const update of updates) {
      const key = toHex(update.publicKey);
      if (update.weight === 0) byKey.delete(key);
      else byKey.set(key, update);
    }
    return byKey.size === 0 ? null : new ValidatorSet([...byKey.values()]);
  }
}

const membersCodec: Codec<Validator[]> = list(validatorCodec, MAX_VALIDATORS);

export const validatorSetCodec: Codec<ValidatorSet> = {
  write: (to, set) => membersCodec.write(to, [...set.members]),
  read: (from) => {
    const members = membersCodec.read(from);
    for (let i = 1; i < members.length; i++) {
      const [before, after] = [members[i - 1], members[i]] as [Validator, Validator];
      if (compareBytes(before.publicKey, after.publicKey) >= 0) {
        throw new QuorateError('codec/invalid', 'validators are not in canonical order');
      }
    }
    try {
      return new ValidatorSet(members);
    } catch (error) {
      throw new QuorateError('codec/invalid', 'not a validator set', { cause: error });
    }
  },
  sample: (next) =>
    new ValidatorSet(
      Array.from({ length: 1 + (next() % 4) }, (_, i) => ({
        ...validatorCodec.sample(next),
        publicKey: Uint8Array.of(i, next() & 0xff),
        weight: 1 + (next() % 1000),
        peer: hex(32).sample(next),
      })),
    ),
};

/** An update list as it travels and is stored; weight 0 is allowed here. */
export const validatorUpdatesCodec: Codec<ValidatorUpdate[]> = checked(list(validatorCodec, MAX_VALIDATORS), () => {});

/** A set of signer indices as bits, least significant first; bits past the set's size are zero. */
export const Bitmap = {
  bytesFor: (size: number): number => Math.ceil(size / 8),

  /** Bits of ascending or unordered distinct `indices`. */
  of(size: number, indices: Iterable<SignerIndex>): Uint8Array {
    const bits = new Uint8Array(Bitmap.bytesFor(size));
    for (const index of indices) bits[index >> 3] = (bits[index >> 3] ?? 0) | (1 << (index & 7));
    return bits;
  },

  /** The indices in `bits`, ascending; `null` when the length is wrong or a bit past `size` is set. */
  indices(size: number, bits: Uint8Array): SignerIndex[] | null {
    if (bits.length !== Bitmap.bytesFor(size)) return null;
    const indices: SignerIndex[] = [];
    for (let index = 0; index < 8 * bits.length; index++) {
      if (((bits[index >> 3] as number) >> (index & 7)) & 1) {
        if (index >= size) return null;
        indices.push(index);
      }
    }
    return indices;
  },
} as const;
