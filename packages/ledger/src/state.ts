import {
  bool,
  bytes,
  type Codec,
  type Digest,
  decode,
  digest,
  encode,
  fixed,
  type Height,
  hex,
  list,
  MAX_VALIDATORS,
  type Millis,
  struct,
  text,
  u32,
  u53,
  u64,
} from '@quorate/kernel';
import { ADDRESS_BYTES } from './address.ts';

/** An account. One that nobody ever paid does not exist. */
export interface Account {
  /** In the smallest unit of money, as every amount of the ledger. */
  readonly balance: bigint;
  /** The nonce that its next transaction must bear. */
  readonly nonce: number;
}

/** Where every token is: `supply` = all balances + treasury + bonded + unbonding, for ever. */
export interface Supply {
  readonly supply: bigint;
  /** Fees that no proposer's account could receive. */
  readonly treasury: bigint;
  readonly bonded: bigint;
  readonly unbonding: bigint;
}

/** Stake behind a voting key. It keeps its entry when all of it was taken out, so that a jailed key stays jailed. */
export interface Stake {
  /** Address of the account that bonded it and gets it back. */
  readonly owner: Uint8Array;
  readonly amount: bigint;
  /** Whether the key was convicted of an offence: its stake is locked and weighs nothing. */
  readonly jailed: boolean;
  /** Proof of possession of the voting key; empty for suites that need none. */
  readonly proof: Uint8Array;
  /** Node key, 64 hexadecimal characters. */
  readonly peer: string;
  /** `host:port`, or empty. */
  readonly address: string;
}

/** One validator of the set that the stakes make up: its voting key and its node key. */
export interface StakeEntry {
  readonly publicKey: Uint8Array;
  readonly peer: string;
}

/** Stake on its way back to its owner, an address. */
export interface Unbonding {
  readonly publicKey: Uint8Array;
  readonly owner: Uint8Array;
  readonly amount: bigint;
}

/** Stake whose height has come and whose time has not. */
export interface Returning {
  /** It comes back with the first block whose header is not dated earlier, Unix ms. */
  readonly until: Millis;
  readonly entries: readonly Unbonding[];
}

/** The queue of {@link Returning}: numbers of its first and of the next to join; equal when it is empty. */
export interface Returns {
  readonly first: number;
  readonly next: number;
}

/** The records of a namespace: their bytes are in the blocks, the state commits to their order. */
export interface Namespace {
  readonly count: number;
  /** SHA-256 of the digest before and the id of the transaction that added records; zeros at first. */
  readonly digest: Digest;
}

/** What genesis fixed for the life of the chain. */
export interface Parameters {
  readonly chainId: string;
  /** Digest of the genesis. */
  readonly genesis: Digest;
  /** What every transaction pays at least, whatever its size. */
  readonly minimumFee: bigint;
  /** What it pays at least for each of its bytes, on top. */
  readonly feePerByte: bigint;
  /** Most bytes of records in one transaction. */
  readonly maximumDataBytes: number;
  /** Heights between an unbond and the return of the stake. */
  readonly unbondingDelay: Height;
  /** Hours by the headers from the block at the end of that delay to the return of the stake. */
  readonly unbondingHours: number;
  /** Stake that makes one unit of voting weight. */
  readonly stakeUnit: bigint;
}

export const accountCodec: Codec<Account> = struct<Account>({ balance: u64, nonce: u53 });
export const supplyCodec: Codec<Supply> = struct<Supply>({ supply: u64, treasury: u64, bonded: u64, unbonding: u64 });
export const stakeCodec: Codec<Stake> = struct<Stake>({
  owner: fixed(ADDRESS_BYTES),
  amount: u64,
  jailed: bool,
  proof: bytes(4096),
  peer: hex(32),
  address: text(255),
});
/** Long voting keys would not fit the set into one value of the state. */
export const MAX_VOTING_KEY_BYTES = 64;
export const stakeListCodec: Codec<StakeEntry[]> = list(
  struct<StakeEntry>({ publicKey: bytes(MAX_VOTING_KEY_BYTES), peer: hex(32) }),
  MAX_VALIDATORS / 2,
);
/** Most validators that the ledger admits: their list is one value of the state. */
export const MAX_STAKED_VALIDATORS = MAX_VALIDATORS / 2;
/** Most unbondings whose delay ends at one height. */
export const MAX_UNBONDINGS = 256;
export const unbondingsCodec: Codec<Unbonding[]> = list(
  struct<Unbonding>({ publicKey: bytes(MAX_VOTING_KEY_BYTES), owner: fixed(ADDRESS_BYTES), amount: u64 }),
  MAX_UNBONDINGS,
);
export const returningCodec: Codec<Returning> = struct<{ until: Millis; entries: Unbonding[] }>({
  until: u53,
  entries: unbondingsCodec,
}) as Codec<Returning>;
export const returnsCodec: Codec<Returns> = struct<Returns>({ first: u53, next: u53 });
export const namespaceCodec: Codec<Namespace> = struct<Namespace>({ count: u53, digest });
export const parametersCodec: Codec<Parameters> = struct<Parameters>({
  chainId: text(64),
  genesis: digest,
  minimumFee: u64,
  feePerByte: u64,
  maximumDataBytes: u32,
  unbondingDelay: u53,
  unbondingHours: u32,
  stakeUnit: u64,
});

const utf8 = new TextEncoder();

function tagged(tag: string, rest: Uint8Array): Uint8Array {
  const key = new Uint8Array(1 + rest.length);
  key[0] = tag.charCodeAt(0);
  key.set(rest, 1);
  return key;
}

// Keys of the state: a letter, then what the entry is about. A proof of an entry is checked against them, not against their digests.

/** `a` and an address: an {@link Account}. */
export const accountKey = (address: Uint8Array): Uint8Array => tagged('a', address);
/** `s` and a voting key: a {@link Stake}. */
export const stakeKey = (publicKey: Uint8Array): Uint8Array => tagged('s', publicKey);
/** `n` and the name in UTF-8: a {@link Namespace}. */
export const namespaceKey = (name: string): Uint8Array => tagged('n', utf8.encode(name));
/** `o` and the id of an offence: the height at which it was punished. */
export const offenceKey = (id: Uint8Array): Uint8Array => tagged('o', id);
/** `u` and a height, as `u53`: the {@link Unbonding}s whose delay ends there. */
export const unbondingKey = (height: Height): Uint8Array => tagged('u', encode(u53, height));
/** `w` and a number, as `u53`: one {@link Returning} of the queue. */
export const returningKey = (number: number): Uint8Array => tagged('w', encode(u53, number));
/** `q`: the {@link Returns}; absent until stake first waits for its time. */
export const returnsKey = (): Uint8Array => utf8.encode('q');
/** `t`: the {@link Supply}. */
export const supplyKey = (): Uint8Array => utf8.encode('t');
/** `v`: every {@link StakeEntry}, in order of voting keys. */
export const stakesKey = (): Uint8Array => utf8.encode('v');
/** `p`: the {@link Parameters}. */
export const parametersKey = (): Uint8Array => utf8.encode('p');

/** The account in a proved value. Throws `codec/*`, as the decoders below. */
export const decodeAccount = (value: Uint8Array): Account => decode(accountCodec, value);
export const decodeSupply = (value: Uint8Array): Supply => decode(supplyCodec, value);
export const decodeStake = (value: Uint8Array): Stake => decode(stakeCodec, value);
export const decodeStakes = (value: Uint8Array): StakeEntry[] => decode(stakeListCodec, value);
export const decodeNamespace = (value: Uint8Array): Namespace => decode(namespaceCodec, value);
export const decodeUnbondings = (value: Uint8Array): Unbonding[] => decode(unbondingsCodec, value);
export const decodeReturning = (value: Uint8Array): Returning => decode(returningCodec, value);
export const decodeReturns = (value: Uint8Array): Returns => decode(returnsCodec, value);
export const decodeParameters = (value: Uint8Array): Parameters => decode(parametersCodec, value);

/**
 * The state key that a query asks for: `account` (an address), `stake` (a voting key), `namespace` (its name), `supply`,
 * `stakes`, `parameters` (no data), or `state` (any key); `null` for another path or unfit data.
 */
export function queryKey(path: string, data: Uint8Array): Uint8Array | null {
  const only = (key: Uint8Array): Uint8Array | null => (data.length === 0 ? key : null);
  switch (path) {
    case 'account':
      return data.length === ADDRESS_BYTES ? accountKey(data) : null;
    case 'stake':
      return data.length <= MAX_VOTING_KEY_BYTES ? stakeKey(data) : null;
    case 'namespace':
      return data.length <= 64 ? tagged('n', data) : null;
    case 'supply':
      return only(supplyKey());
    case 'stakes':
      return only(stakesKey());
    case 'parameters':
      return only(parametersKey());
    case 'state':
      return data.length > 0 && data.length <= 128 ? data : null;
    default:
      return null;
  }
}
