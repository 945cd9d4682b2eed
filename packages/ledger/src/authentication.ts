import { type Hash, isQuorateError, Recent, type SignatureSuite, type SignedItem } from '@quorate/kernel';
import { addressOf } from './address.ts';
import { bondFault } from './bonding.ts';
import { recordBytes } from './records.ts';
import type { Parameters } from './state.ts';
import { decodeTransaction, signedItemOf, type Transaction } from './transaction.ts';
import { mapKey } from './working.ts';

/** A transaction that its sender signed and that every state could admit. */
export interface Authentic {
  readonly transaction: Transaction;
  /** SHA-256 of its bytes. */
  readonly id: Uint8Array;
  /** Address of the sender. */
  readonly sender: Uint8Array;
}

/** Indices of the items whose Ed25519 signature does not verify. */
export type VerifySignatures = (items: readonly SignedItem[]) => number[] | Promise<number[]>;

export interface AuthenticatorParts {
  readonly hash: Hash;
  readonly verifySignatures: VerifySignatures;
  /** The suite of the validators' voting keys. */
  readonly votingSuite: Pick<SignatureSuite, 'isPublicKey' | 'verifyPossession' | 'verify'>;
}

/**
 * Decides whatever does not depend on the state: form, chain, least fee, limits, signature. What passed is remembered by the
 * digest of its bytes, so a validator verifies a signature once, whether it came alone or in a block; the oldest go first, see {@link Recent}.
 */
export class Authenticator {
  readonly #parts: AuthenticatorParts;
  /** Senders of transactions whose signature is good, by digest. The transaction itself is decoded again: that is cheaper than to keep it. */
  readonly #known: Recent<string, Uint8Array>;

  constructor(options: { readonly capacity: number }, parts: AuthenticatorParts) {
    this.#known = new Recent(options);
    this.#parts = parts;
  }

  /**
   * For each transaction what it is, or why it is refused. Signatures not seen before are verified in one batch. `bondLimit` says
   * why one bond more is too many, `fresh` when its consents and its proof would have to be checked now.
   */
  async authenticate(
    txs: readonly Uint8Array[],
    parameters: Parameters,
    bondLimit: (fresh: boolean) => string | null = () => null,
  ): Promise<(Authentic | string)[]> {
    const results: (Authentic | string)[] = [];
    const fresh: { readonly index: number; readonly item: Authentic }[] = [];
    const signed: SignedItem[] = [];
    for (const [index, tx] of txs.entries()) {
      const id = this.#parts.hash(tx);
      const sender = this.#known.get(mapKey(id));
      if (sender !== undefined) {
        const transaction = decodeTransaction(tx);
        const excess = transaction.action.kind === 'bond' ? bondLimit(false) : null;
        results.push(excess ?? { transaction, id, sender });
        continue;
      }
      const transaction = readTransaction(tx);
      if (typeof transaction === 'string') {
        results.push(transaction);
        continue;
      }
      const fault = this.#fault(tx, transaction, parameters);
      if (fault !== null) {
        results.push(fault);
        continue;
      }
      const item: Authentic = { transaction, id, sender: addressOf(this.#parts.hash, transaction.publicKey) };
      results.push(item);
      fresh.push({ index, item });
      signed.push(signedItemOf(this.#parts.hash, tx, transaction));
    }
    if (signed.length === 0) return results;
    const bad = new Set(await this.#parts.verifySignatures(signed));
    for (const [position, { index, item }] of fresh.entries()) {
      const { transaction } = item;
      const { action } = transaction;
      let fault = bad.has(position) ? 'its signature does not verify' : null;
      // Costs up to three more verifications, so only a bond that its sender signed is asked.
      if (fault === null && action.kind === 'bond')
        fault = bondLimit(true) ?? (await bondFault(transaction, action, this.#parts));
      if (fault !== null) results[index] = fault;
      else this.#known.set(mapKey(item.id), item.sender);
    }
    return results;
  }

  /** Why a transaction is refused before its signature is verified, or `null`. */
  #fault(tx: Uint8Array, transaction: Transaction, parameters: Parameters): string | null {
    const { chainId, fee, action } = transaction;
    if (chainId !== parameters.chainId) return `it is for the chain ${chainId}, this is ${parameters.chainId}`;
    const least = parameters.minimumFee + parameters.feePerByte * BigInt(tx.length);
    if (fee < least) return `its fee of ${fee} is below the least for ${tx.length} bytes, ${least}`;
    if (action.kind === 'record' || action.kind === 'records') {
      const size = action.kind === 'record' ? action.data.length : recordBytes(action.batch);
      const most = parameters.maximumDataBytes;
      return size > most ? `its ${size} bytes of records exceed the limit of ${most}` : null;
    }
    return null;
  }
}

/** The transaction, or why it cannot be read. */
function readTransaction(tx: Uint8Array): Transaction | string {
  try {
    return decodeTransaction(tx);
  } catch (error) {
    if (!isQuorateError(error)) throw error;
    return `it cannot be read: ${error.message}`;
  }
}
