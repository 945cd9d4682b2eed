import { encode, fromHex, type Hash, isQuorateError, toHex, unreachable, ZERO_DIGEST } from '@quorate/kernel';
import { formatAddress } from './address.ts';
import {
  accountCodec,
  accountKey,
  decodeAccount,
  decodeNamespace,
  decodeParameters,
  decodeReturning,
  decodeReturns,
  decodeStake,
  decodeStakes,
  decodeSupply,
  decodeUnbondings,
  namespaceCodec,
  namespaceKey,
  offenceKey,
  parametersKey,
  returningKey,
  returnsKey,
  stakeKey,
  stakesKey,
  supplyKey,
  unbondingKey,
} from './state.ts';

/**
 * What an entry of the state is about. The state holds digests of keys only: an account or a namespace that nobody named is known
 * by the size of its value, with `name` null, and what not even that tells is `unknown`.
 */
export type Subject =
  | { readonly kind: 'account'; readonly name: string | null }
  | { readonly kind: 'namespace'; readonly name: string | null }
  /** `name`: the voting key, in hexadecimal. */
  | { readonly kind: 'stake'; readonly name: string }
  /** `name`: the height at which the delay ends. */
  | { readonly kind: 'unbonding'; readonly name: string }
  /** `name`: its number in the queue. */
  | { readonly kind: 'returning'; readonly name: string }
  /** `name`: the id of the offence. */
  | { readonly kind: 'offence'; readonly name: string }
  | { readonly kind: 'supply' | 'stakes' | 'parameters' | 'returns' | 'unknown'; readonly name: null };

/** A value of the state as JSON can hold it: amounts as decimal text, bytes in hexadecimal, owners as addresses. */
export type Plain = string | number | boolean | null | readonly Plain[] | { readonly [field: string]: Plain };

/** Bytes of an encoded account and of an encoded namespace: no other entries without a fixed key have such values. */
const ACCOUNT_BYTES = encode(accountCodec, { balance: 0n, nonce: 0 }).length;
const NAMESPACE_BYTES = encode(namespaceCodec, { count: 0, digest: ZERO_DIGEST }).length;

/** The subjects whose keys somebody knows, by the digests of these keys. */
export class Subjects {
  readonly #hash: Hash;
  readonly #known = new Map<string, Subject>();

  constructor(hash: Hash) {
    this.#hash = hash;
    this.#add(supplyKey(), { kind: 'supply', name: null });
    this.#add(stakesKey(), { kind: 'stakes', name: null });
    this.#add(parametersKey(), { kind: 'parameters', name: null });
    this.#add(returnsKey(), { kind: 'returns', name: null });
  }

  #add(key: Uint8Array, subject: Subject): void {
    this.#known.set(toHex(this.#hash(key)), subject);
  }

  /** How many keys are known. */
  get size(): number {
    return this.#known.size;
  }

  account(address: Uint8Array): void {
    this.#add(accountKey(address), { kind: 'account', name: formatAddress(this.#hash, address) });
  }

  stake(publicKey: Uint8Array): void {
    this.#add(stakeKey(publicKey), { kind: 'stake', name: toHex(publicKey) });
  }

  namespace(name: string): void {
    this.#add(namespaceKey(name), { kind: 'namespace', name });
  }

  unbonding(height: number): void {
    this.#add(unbondingKey(height), { kind: 'unbonding', name: String(height) });
  }

  returning(number: number): void {
    this.#add(returningKey(number), { kind: 'returning', name: String(number) });
  }

  /** `id` in hexadecimal. */
  offence(id: string): void {
    this.#add(offenceKey(fromHex(id)), { kind: 'offence', name: id });
  }

  /** What the entry under a key digest is about; `value` is one that stands there. */
  of(key: Uint8Array, value: Uint8Array): Subject {
    const known = this.#known.get(toHex(key));
    if (known !== undefined) return known;
    if (value.length === ACCOUNT_BYTES) return { kind: 'account', name: null };
    if (value.length === NAMESPACE_BYTES) return { kind: 'namespace', name: null };
    return { kind: 'unknown', name: null };
  }

  /** The value of an entry, decoded; in hexadecimal when its kind is unknown, or when it is no such value. */
  decoded(subject: Subject, value: Uint8Array): Plain {
    try {
      return this.#plain(fieldsOf(subject, value));
    } catch (error) {
      if (!isQuorateError(error)) throw error;
      return toHex(value);
    }
  }

  #plain(value: unknown, field = ''): Plain {
    if (value instanceof Uint8Array) return field === 'owner' ? formatAddress(this.#hash, value) : toHex(value);
    if (Array.isArray(value)) return value.map((item: unknown) => this.#plain(item));
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, this.#plain(item, name)]));
    }
    return typeof value === 'number' || typeof value === 'boolean' ? value : String(value);
  }
}

/** Throws `codec/*`. */
function fieldsOf({ kind }: Subject, value: Uint8Array): unknown {
  switch (kind) {
    case 'account':
      return decodeAccount(value);
    case 'stake':
      return decodeStake(value);
    case 'stakes':
      return decodeStakes(value);
    case 'namespace':
      return decodeNamespace(value);
    case 'supply':
      return decodeSupply(value);
    case 'parameters':
      return decodeParameters(value);
    case 'unbonding':
      return decodeUnbondings(value);
    case 'returning':
      return decodeReturning(value);
    case 'returns':
      return decodeReturns(value);
    case 'offence': // the height at which it was punished
    case 'unknown':
      return value;
    default:
      return unreachable(kind);
  }
}
