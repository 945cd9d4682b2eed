import { type Certificate, type SignatureSuite, type Statement, signedBytes, toHex, type Vote } from '@quorate/kernel';
import type { SimplexMessage } from '@quorate/simplex';
import { isThird, type Membership } from './sets.ts';

interface Signed {
  notarize: Set<string>;
  finalize: Set<string>;
  nullify: boolean;
}

export interface AccountabilityParts {
  readonly chainId: string;
  readonly suite: SignatureSuite;
  /** Who votes in an epoch. */
  readonly setOf: (epoch: number) => Membership | null;
}

/**
 * Every signature that crossed a wire, and who contradicted itself with them. A fork must convict at least a third of the weight and
 * nobody honest: two finalize votes or two notarize votes of one view, or a nullify and a finalize vote.
 */
export class Accountability {
  readonly #parts: AccountabilityParts;
  readonly #signed = new Map<string, Signed>();
  readonly #guilty = new Set<string>();
  readonly #known = new Set<string>();

  constructor(parts: AccountabilityParts) {
    this.#parts = parts;
  }

  /** Voting keys, in hexadecimal, that two of their own signatures convict. */
  get guilty(): ReadonlySet<string> {
    return this.#guilty;
  }

  /** Takes in whatever is signed in a message. */
  hear(message: SimplexMessage): void {
    switch (message.kind) {
      case 'vote':
        this.#vote(message.vote);
        return;
      case 'certificate':
        this.#certificate(message.certificate);
        return;
      case 'proposal':
        for (const certificate of message.justification) this.#certificate(certificate);
        return;
      case 'justification':
        for (const certificate of message.certificates) this.#certificate(certificate);
        return;
      default:
        return;
    }
  }

  /** Why a fork is not accounted for, or null. `honest` are keys that must not be named. */
  fault(epoch: number, honest: ReadonlySet<string>): string | null {
    for (const key of this.#guilty) if (honest.has(key)) return `${key} is honest, and accused`;
    const set = this.#parts.setOf(epoch);
    if (set === null) return `nobody knows who votes in epoch ${epoch}`;
    const weight = set.weightOfAll(this.#guilty);
    return isThird(weight, set.total) ? null : `the accused weigh ${weight} of ${set.total}`;
  }

  #certificate({ statement, signers, signature }: Certificate): void {
    const members = this.#parts.setOf(statement.epoch)?.members ?? [];
    const width = this.#parts.suite.signatureBytes;
    let place = 0;
    members.forEach((_, signer) => {
      if (((signers[(signer - (signer % 8)) / 8] ?? 0) & (2 ** (signer % 8))) === 0) return;
      const part = signature.subarray(place * width, (place + 1) * width);
      place++;
      this.#vote({ statement, signer, signature: part });
    });
  }

  #vote({ statement, signer, signature }: Vote): void {
    const member = this.#parts.setOf(statement.epoch)?.members[signer];
    if (member === undefined) return;
    const key = toHex(member.publicKey);
    const name = `${key} ${JSON.stringify(statement)}`;
    if (this.#known.has(name)) return;
    const message = signedBytes(this.#parts.chainId, statement);
    if (!this.#parts.suite.verify({ publicKey: member.publicKey, message, signature })) return;
    this.#known.add(name);
    this.#note(key, statement);
  }

  #note(key: string, statement: Statement): void {
    const place = `${key}/${statement.epoch}/${statement.view}`;
    const signed = this.#signed.get(place) ?? { notarize: new Set(), finalize: new Set(), nullify: false };
    this.#signed.set(place, signed);
    if (statement.kind === 'nullify') signed.nullify = true;
    else signed[statement.kind].add(statement.block);
    if (signed.notarize.size > 1 || signed.finalize.size > 1 || (signed.nullify && signed.finalize.size > 0)) {
      this.#guilty.add(key);
    }
  }
}
