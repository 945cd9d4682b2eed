import type { Hash, SecretKey } from '@quorate/kernel';
import { type Action, type Draft, signTransaction, transactionBytes } from '@quorate/ledger';

/** One account that sends: its nonces are used in order, and after a refusal it rests until its nonce was looked up again. */
export interface Sender {
  readonly key: SecretKey;
  nonce: number;
  /** Transactions under way. */
  inFlight: number;
  resting: boolean;
}

export interface FeePolicy {
  readonly minimumFee: bigint;
  readonly feePerByte: bigint;
}

/** Signs an action of this sender with the fee that its size needs, and moves its nonce on. */
export function signNext(
  hash: Hash,
  policy: FeePolicy,
  sender: Sender,
  draft: { readonly chainId: string; readonly expiry: number; readonly action: Action },
): Uint8Array {
  const unsigned: Draft = { ...draft, publicKey: sender.key.publicKey, nonce: sender.nonce, fee: 0n };
  const fee = policy.minimumFee + policy.feePerByte * BigInt(transactionBytes(unsigned));
  const tx = signTransaction(hash, sender.key, { ...draft, nonce: sender.nonce, fee });
  sender.nonce += 1;
  return tx;
}
