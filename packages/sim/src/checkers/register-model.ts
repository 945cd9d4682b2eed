import { type Evidence, toHex, type ValidatorUpdate, ZERO_DIGEST } from '@quorate/kernel';
import { sha256 } from '../hash.ts';
import { readRegisterTransaction } from '../register.ts';
import type { Membership } from './sets.ts';

/** What the model says of one block. */
export interface Expected {
  /** Code of each transaction: 0 for what took effect. */
  readonly codes: readonly number[];
  readonly updates: readonly ValidatorUpdate[];
}

/** The register as one sequential object: the log gives the order, so what each transaction must do follows in one pass. */
export class RegisterModel {
  readonly #values = new Map<
    string,
    { readonly nonce: number; readonly history: { height: number; value: string }[] }
  >();
  readonly #punished = new Set<string>();

  /** Applies a block; `setOf` gives the members of an epoch, for the offenders of evidence. */
  apply(
    height: number,
    transactions: readonly Uint8Array[],
    evidence: readonly Evidence[],
    setOf: (epoch: number) => Membership | null,
  ): Expected {
    const updates: ValidatorUpdate[] = [];
    const codes = transactions.map((bytes) => {
      const entry = readRegisterTransaction(bytes);
      if (entry === null) return 1;
      if (entry.expiry !== null && height > entry.expiry) return 1;
      const row = this.#values.get(entry.sender);
      if (entry.nonce - 1 !== (row?.nonce ?? 0)) return 1;
      const history = row?.history ?? [];
      history.push({ height, value: entry.value });
      this.#values.set(entry.sender, { nonce: entry.nonce, history });
      updates.push(...entry.validators);
      return 0;
    });
    for (const { first } of evidence) {
      const offender = setOf(first.statement.epoch)?.members[first.signer]?.publicKey;
      if (offender === undefined) continue;
      const name = toHex(sha256(offender));
      if (this.#punished.has(name)) continue;
      this.#punished.add(name);
      updates.push({ publicKey: offender, weight: 0, proof: new Uint8Array(), peer: ZERO_DIGEST, address: '' });
    }
    return { codes, updates };
  }

  /** The last nonce of a sender that took effect; 0 for none. */
  nonceOf(sender: string): number {
    return this.#values.get(sender)?.nonce ?? 0;
  }

  /** What a reader of `sender` at a height must see. */
  valueAt(sender: string, height: number): string {
    let value = '';
    for (const row of this.#values.get(sender)?.history ?? []) if (row.height <= height) value = row.value;
    return value;
  }
}
