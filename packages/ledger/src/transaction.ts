import {
  bytes,
  type Codec,
  checked,
  concatBytes,
  type Digest,
  decode,
  encode,
  fixed,
  type Hash,
  type Height,
  hex,
  list,
  QuorateError,
  type SecretKey,
  type SignedItem,
  struct,
  text,
  toHex,
  u53,
  u64,
  union,
} from '@quorate/kernel';
import { ADDRESS_BYTES } from './address.ts';
import { type BondConsent, bondConsentCodec } from './bonding.ts';
import { MAX_RECORD_BYTES, type RecordBatch, recordBatchCodec } from './records.ts';

/** One payment of a `multiTransfer`, see {@link Action}. */
export interface Payment {
  /** Address of the receiver, 32 bytes. */
  readonly to: Uint8Array;
  readonly amount: bigint;
}

/** The validator that a bond stands for. */
export interface BondedValidator {
  /** Voting key, in the suite of the chain. */
  readonly publicKey: Uint8Array;
  /** Proof of possession of the voting key; empty for suites that need none. */
  readonly proof: Uint8Array;
  /** Node key, 64 hexadecimal characters. */
  readonly peer: string;
  /** `host:port`, or empty. */
  readonly address: string;
}

/**
 * What a transaction does. Amounts are more than zero, in the smallest unit of money. A `multiTransfer` makes 1 to 256 payments, all
 * or none; the bytes of `record` and `records` stay in the block, the state only commits to their order in the namespace.
 */
export type Action =
  | { readonly kind: 'transfer'; readonly to: Uint8Array; readonly amount: bigint }
  | { readonly kind: 'multiTransfer'; readonly payments: readonly Payment[] }
  | { readonly kind: 'record'; readonly namespace: string; readonly data: Uint8Array }
  | { readonly kind: 'records'; readonly namespace: string; readonly batch: RecordBatch }
  | {
      readonly kind: 'bond';
      readonly validator: BondedValidator;
      /** Of the validator's keys, to a bond by the sender. */
      readonly consent: BondConsent;
      readonly amount: bigint;
    }
  | { readonly kind: 'unbond'; readonly publicKey: Uint8Array; readonly amount: bigint };

/** A transaction before its signature. */
export interface Draft {
  readonly chainId: string;
  /** Ed25519 key of the sender, who pays the fee. */
  readonly publicKey: Uint8Array;
  /** How many transactions of the sender went before: each nonce is used once, in order. */
  readonly nonce: number;
  /** Paid whether the action succeeds or not. */
  readonly fee: bigint;
  /** Last height at which it may be included; 0 for no limit. */
  readonly expiry: Height;
  readonly action: Action;
}

/** A signed transaction. */
export interface Transaction extends Draft {
  /** Ed25519, 64 bytes. */
  readonly signature: Uint8Array;
}

const SIGNATURE_BYTES = 64;
/** Most payments in one transaction. */
const MAX_PAYMENTS = 256;

function refuse(message: string): never {
  throw new QuorateError('transaction/invalid', message);
}

const NAMESPACE = /^[a-z0-9][a-z0-9._/-]{0,63}$/;

/** Whether a text names a namespace of records: 1 to 64 of a-z, 0-9, ".", "_", "/", "-", the first a letter or digit. */
export function isNamespace(name: string): boolean {
  return NAMESPACE.test(name);
}

const namespace: Codec<string> = checked(
  text(64),
  (name) => {
    if (!isNamespace(name)) refuse('a namespace is 1 to 64 characters of a-z, 0-9, ".", "_", "/", "-"');
  },
  (next) => `n${next() % 100}`,
);
const amount: Codec<bigint> = checked(
  u64,
  (value) => {
    if (value === 0n) refuse('an amount is more than zero');
  },
  (next) => 1n + BigInt(next()),
);
const paymentCodec = struct<Payment>({ to: fixed(ADDRESS_BYTES), amount });
const payments: Codec<readonly Payment[]> = checked<readonly Payment[]>(
  list(paymentCodec, MAX_PAYMENTS) as Codec<readonly Payment[]>,
  (all) => {
    if (all.length === 0) refuse('a multiTransfer has at least one payment');
  },
  (next) => [paymentCodec.sample(next)],
);
const bondedValidatorCodec = struct<BondedValidator>({
  publicKey: bytes(2048),
  proof: bytes(4096),
  peer: hex(32),
  address: text(255),
});

const actionCodec: Codec<Action> = union<Action>({
  transfer: [1, paymentCodec],
  multiTransfer: [2, struct({ payments })],
  record: [3, struct({ namespace, data: bytes(MAX_RECORD_BYTES) })],
  records: [4, struct({ namespace, batch: recordBatchCodec })],
  bond: [5, struct({ validator: bondedValidatorCodec, consent: bondConsentCodec, amount })],
  unbond: [6, struct({ publicKey: bytes(2048), amount })],
});

const draftFields = {
  chainId: text(64),
  publicKey: fixed(32),
  nonce: u53,
  fee: u64,
  expiry: u53,
  action: actionCodec,
};
const draftCodec: Codec<Draft> = struct<Draft>(draftFields);

/** The wire form: the draft, then the signature. */
export const transactionCodec: Codec<Transaction> = struct<Transaction>({
  ...draftFields,
  signature: fixed(SIGNATURE_BYTES),
});

/** The wire form of a transaction, whose signature is not checked. Throws `codec/*` for what does not fit the format. */
export function encodeTransaction(transaction: Transaction): Uint8Array {
  return encode(transactionCodec, transaction);
}

/** Reads a transaction; its signature is not checked. Byte strings inside are views of `tx`. Throws `codec/*` or `transaction/invalid`. */
export function decodeTransaction(tx: Uint8Array): Transaction {
  return decode(transactionCodec, tx);
}

/** The name of a transaction: SHA-256 of its bytes. */
export function transactionId(hash: Hash, tx: Uint8Array): Digest {
  return toHex(hash(tx));
}

const SIGNING_DOMAIN = new TextEncoder().encode('quorate/transaction/1');

/** What is signed: a domain, and the digest of the draft, which begins with the chain id. */
function signingBytes(hash: Hash, draft: Uint8Array): Uint8Array {
  return concatBytes(SIGNING_DOMAIN, hash(draft));
}

/** The signature of an encoded transaction as an item to verify. */
export function signedItemOf(hash: Hash, tx: Uint8Array, transaction: Transaction): SignedItem {
  return {
    publicKey: transaction.publicKey,
    message: signingBytes(hash, tx.subarray(0, tx.length - SIGNATURE_BYTES)),
    signature: transaction.signature,
  };
}

/** The Ed25519 key of an account; a `SecretKey` of the suite `ed25519` is one. */
export type AccountKey = Pick<SecretKey, 'publicKey' | 'sign'>;

/** A signed transaction, ready to submit. Throws `codec/*` or `transaction/invalid` for values that no validator would read. */
export function signTransaction(hash: Hash, key: AccountKey, draft: Omit<Draft, 'publicKey'>): Uint8Array {
  const body = encode(draftCodec, { ...draft, publicKey: key.publicKey });
  const tx = concatBytes(body, key.sign(signingBytes(hash, body)));
  decodeTransaction(tx);
  return tx;
}

/** Bytes of the transaction that {@link signTransaction} would make: what the fee is reckoned from. */
export function transactionBytes(draft: Draft): number {
  return encode(draftCodec, draft).length + SIGNATURE_BYTES;
}
