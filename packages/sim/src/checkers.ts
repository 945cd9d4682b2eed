import type { Digest, Height, Signer, SignOutcome, Statement } from '@quorate/kernel';
import { toHex } from '@quorate/kernel';

/** Something that must never happen, and did. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

interface Seen {
  readonly value: string;
  readonly by: string;
}

/**
 * Watches a whole network from outside and remembers what was ever observed, across crashes. It shares no arithmetic with
 * the protocol: it only compares.
 */
export class Checkers {
  readonly #blocks = new Map<Height, Seen>();
  readonly #roots = new Map<Height, Seen>();
  readonly #signed = new Map<string, Map<string, Statement>>();
  readonly #acknowledged = new Map<Digest, { readonly height: Height; readonly by: string }>();
  readonly #violations: string[] = [];

  /** What was violated so far. */
  get violations(): readonly string[] {
    return this.#violations;
  }

  /** Highest height that anybody finalized. */
  get height(): Height {
    return Math.max(0, ...this.#blocks.keys());
  }

  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  /** Agreement: one block per height, for everybody and for ever. */
  finalized(by: string, height: Height, digest: Digest): void {
    this.#one(this.#blocks, 'finalized block', by, height, digest);
  }

  /** Equal state: one root per height. */
  committed(by: string, height: Height, stateRoot: Digest): void {
    this.#one(this.#roots, 'state root', by, height, stateRoot);
  }

  /** Somebody was told that a transaction is final. */
  acknowledge(by: string, id: Digest, height: Height): void {
    const earlier = this.#acknowledged.get(id);
    if (earlier !== undefined && earlier.height !== height) {
      this.#violate(`transaction ${id} is final at height ${earlier.height} (${earlier.by}) and ${height} (${by})`);
    }
    this.#acknowledged.set(id, { height, by });
  }

  /** Acknowledged means durable: a node that reached the height must still know the transaction there. */
  checkAcknowledged(by: string, height: Height, find: (id: Digest) => Height | null): void {
    for (const [id, told] of this.#acknowledged) {
      if (told.height > height) continue;
      const found = find(id);
      if (found !== told.height) {
        this.#violate(
          `${told.by} called ${id} final at height ${told.height}, ${by} at height ${height} has it at ${found}`,
        );
      }
    }
  }

  /** A signer whose every released signature is checked against all that were ever released with its key. */
  watch(by: string, signer: Signer): Signer {
    const sign = async (statements: readonly Statement[]): Promise<SignOutcome[]> => {
      const outcomes = await signer.sign(statements);
      for (const outcome of outcomes)
        if (outcome.kind === 'signed') this.released(by, signer.publicKey, outcome.statement);
      return outcomes;
    };
    return new Proxy(signer, {
      get: (target, property) => {
        if (property === 'sign') return sign;
        const value: unknown = Reflect.get(target, property, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  /** No key contradicts itself: one block per kind and view, and never both nullify and finalize. */
  released(by: string, publicKey: Uint8Array | null, statement: Statement): void {
    const place = `${toHex(publicKey ?? new Uint8Array())}/${statement.epoch}/${statement.view}`;
    const before = this.#signed.get(place) ?? new Map<string, Statement>();
    this.#signed.set(place, before);
    for (const other of before.values()) {
      const kinds = [other.kind, statement.kind].sort().join();
      const differ = JSON.stringify(other) !== JSON.stringify(statement);
      if (kinds === 'finalize,nullify' || (other.kind === statement.kind && differ)) {
        this.#violate(`${by} signed ${JSON.stringify(statement)} after ${JSON.stringify(other)}`);
      }
    }
    before.set(JSON.stringify(statement), statement);
  }

  /** Throws when anything was violated. */
  demand(context: string): void {
    if (this.#violations.length > 0) throw new Violation(`${context}: ${this.#violations.slice(0, 5).join('; ')}`);
  }

  #one(seen: Map<Height, Seen>, what: string, by: string, height: Height, value: string): void {
    const earlier = seen.get(height);
    if (earlier === undefined) seen.set(height, { value, by });
    else if (earlier.value !== value) {
      this.#violate(`${what} at height ${height}: ${earlier.value} for ${earlier.by}, ${value} for ${by}`);
    }
  }

  #violate(message: string): void {
    this.#violations.push(message);
  }
}
