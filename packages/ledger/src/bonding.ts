import {
  bytes,
  type Codec,
  encode,
  fixed,
  fromHex,
  type Hash,
  hex,
  type SecretKey,
  type SignatureSuite,
  type SignedItem,
  struct,
  text,
  toHex,
} from '@quorate/kernel';
import { ADDRESS_BYTES, addressOf } from './address.ts';
import { MAX_VOTING_KEY_BYTES } from './state.ts';
import type { Action, Transaction } from './transaction.ts';

/** Whose stake may stand behind a voting key, and under which node key it votes. */
export interface BondTerms {
  readonly chainId: string;
  /** Address of the account that bonds. */
  readonly owner: Uint8Array;
  /** Voting key, in the suite of the chain. */
  readonly publicKey: Uint8Array;
  /** Node key, 64 hexadecimal characters. */
  readonly peer: string;
}

/** Signatures of {@link bondStatement} by both keys: nobody else can claim either of them. */
export interface BondConsent {
  /** By the voting key, in the suite of the chain. */
  readonly voting: Uint8Array;
  /** By the node key, Ed25519. */
  readonly node: Uint8Array;
}

export const bondConsentCodec: Codec<BondConsent> = struct<BondConsent>({ voting: bytes(4096), node: fixed(64) });

const statementCodec = struct<BondTerms & { readonly domain: string }>({
  domain: text(32),
  chainId: text(64),
  owner: fixed(ADDRESS_BYTES),
  publicKey: bytes(2048),
  peer: hex(32),
});

/**
 * What voting key and node key sign. It begins with the length of its domain and the domain, as the statements of consensus do
 * with theirs: no vote, no TLS handshake and no transaction is ever these bytes.
 */
export function bondStatement({ chainId, owner, publicKey, peer }: BondTerms): Uint8Array {
  return encode(statementCodec, { domain: 'quorate/bond/1', chainId, owner, publicKey, peer });
}

/** The consent of both keys to a bond by `owner`; it holds for this account on this chain, however often. */
export function consentToBond(
  terms: Pick<BondTerms, 'chainId' | 'owner'>,
  keys: {
    readonly voting: Pick<SecretKey, 'publicKey' | 'sign'>;
    readonly node: Pick<SecretKey, 'publicKey' | 'sign'>;
  },
): BondConsent {
  const { voting, node } = keys;
  const statement = bondStatement({ ...terms, publicKey: voting.publicKey, peer: toHex(node.publicKey) });
  return { voting: voting.sign(statement), node: node.sign(statement) };
}

/**
 * Most bonds in one block. A proof of possession of a BLS key takes 30 ms to check: a block full of bonds would keep every
 * validator busy for minutes.
 */
export const MAX_BONDS = 16;

/** Bonds that a node checks before their senders pay for anything: so many at once, then one every so many ms. */
export const BOND_CHECKS = { burst: 16, refillMs: 250 };

interface Parts {
  readonly hash: Hash;
  readonly verifySignatures: (items: readonly SignedItem[]) => number[] | Promise<number[]>;
  readonly votingSuite: Pick<SignatureSuite, 'isPublicKey' | 'verifyPossession' | 'verify'>;
}

/** Why a bond cannot be admitted whatever the state, or `null`. The cheap checks come first. */
export async function bondFault(
  { chainId, publicKey: sender }: Transaction,
  { validator, consent }: Extract<Action, { kind: 'bond' }>,
  { hash, verifySignatures, votingSuite }: Parts,
): Promise<string | null> {
  const { publicKey, proof, peer } = validator;
  if (publicKey.length > MAX_VOTING_KEY_BYTES || !votingSuite.isPublicKey(publicKey))
    return 'its voting key is not a key of this chain';
  const message = bondStatement({ chainId, owner: addressOf(hash, sender), publicKey, peer });
  const bad = await verifySignatures([{ publicKey: fromHex(peer), message, signature: consent.node }]);
  if (bad.length > 0) return 'the node key does not consent to be bonded by this account with this voting key';
  if (!votingSuite.verifyPossession(publicKey, proof)) return 'it does not prove possession of the voting key';
  if (!votingSuite.verify({ publicKey, message, signature: consent.voting }))
    return 'the voting key does not consent to be bonded by this account under this node key';
  return null;
}
