import type { Digest, Height } from '@quorate/kernel';
import type { SettledStatus } from '@quorate/replica';
import { usedNonce } from '../register.ts';
import type { Chain, Report } from './chain.ts';

/** What a client knows of a transaction that it offers. */
export interface Offer {
  readonly sender: string;
  readonly nonce: number;
  /** Last height that may have it, or null. */
  readonly expiry: Height | null;
}

/** What somebody was told of a transaction that is final. */
interface Told {
  readonly by: string;
  readonly id: Digest;
  readonly height: Height;
  readonly index: number;
  readonly code: number;
}

interface Refusal {
  readonly by: string;
  readonly id: Digest;
  readonly status: Exclude<SettledStatus, { readonly kind: 'final' }>;
}

interface Reading {
  readonly by: string;
  readonly sender: string;
  readonly height: Height;
  readonly value: string;
}

export interface AnswersParts {
  readonly report: Report;
  /** Whether the application of anybody honest ever committed this height. */
  readonly committed: (height: Height) => boolean;
}

/** A transaction that is given up by its age, which a clock that jumped may bring about: this says nothing about the log. */
const BY_AGE = /^not included within \d+ ms$/;

/**
 * What clients were told, held against the log and against what the same node told before: what is final stays where it was said to
 * be, nothing shows what was never ordered, a read is never older than what its node had shown, and a refusal is true.
 */
export class Answers {
  readonly #parts: AnswersParts;
  readonly #told: Told[] = [];
  readonly #refusals: Refusal[] = [];
  readonly #reads: Reading[] = [];
  /** With the highest height that any client knew to be final before. */
  readonly #offers = new Map<Digest, { readonly known: Height; readonly offer: Offer | null }>();
  /** Highest height that a node showed anybody in its present life. */
  readonly #shown = new Map<string, Height>();
  #known: Height = 0;

  constructor(parts: AnswersParts) {
    this.#parts = parts;
  }

  /** Whether a client offered this transaction. */
  offered(id: Digest): boolean {
    return this.#offers.has(id);
  }

  /** A client offers a transaction: whatever is known to be final by now comes before it. */
  offer(id: Digest, offer: Offer | null): void {
    if (!this.#offers.has(id)) this.#offers.set(id, { known: this.#known, offer });
  }

  /** A node begins a life: that it kept what it had given out is asked elsewhere. */
  begins(by: string): void {
    this.#shown.delete(by);
  }

  /** A node showed somebody its state at a height. */
  shows(by: string, height: Height): void {
    this.#shown.set(by, Math.max(this.#shown.get(by) ?? 0, height));
  }

  /** Highest height that a node showed in its present life: what is asked from now on must not be answered from before. */
  shownBy(by: string): Height {
    return this.#shown.get(by) ?? 0;
  }

  /** A node said what became of a transaction. */
  settled(by: string, id: Digest, status: SettledStatus): void {
    if (status.kind !== 'final') {
      this.#refusals.push({ by, id, status });
      return;
    }
    const { height, index, receipt } = status;
    this.#known = Math.max(this.#known, height);
    this.shows(by, height);
    this.#told.push({ by, id, height, index, code: receipt.code });
  }

  /** A node answered a read that was asked when it had shown `floor`. */
  read(reading: Reading, floor: Height): void {
    const { by, sender, height } = reading;
    if (height < floor) {
      this.#parts.report('stale read', `${by} reads ${sender} at height ${height} after it had shown height ${floor}`);
    }
    this.shows(by, height);
    this.#reads.push(reading);
  }

  /** Once at the end. */
  check(chain: Chain): void {
    for (const told of this.#told) this.#checkTold(chain, told);
    for (const reading of this.#reads) this.#checkRead(chain, reading);
    for (const refusal of this.#refusals) this.#checkRefusal(chain, refusal);
    for (const [id, { known }] of this.#offers) {
      const place = chain.placeOf(id);
      if (place !== null && place.height <= known) {
        this.#wrong(`${id} was offered after height ${known} was known and is at height ${place.height}`);
      }
    }
  }

  #checkTold(chain: Chain, { by, id, height, index, code }: Told): void {
    if (height > chain.height) {
      this.#checkOrdered(by, `calls ${id} final`, height);
      return;
    }
    const place = chain.placeOf(id);
    if (place === null) {
      this.#parts.report('durability', `${by} called ${id} final at height ${height}: the log has it nowhere`);
    } else if (place.height !== height || place.index !== index || place.code !== code) {
      const there = `${place.height}/${place.index} with code ${place.code}`;
      this.#wrong(`${by} told of ${id} at ${height}/${index} with code ${code}, the log has ${there}`);
    }
  }

  #checkRead(chain: Chain, { by, sender, height, value }: Reading): void {
    if (height > chain.height) {
      this.#checkOrdered(by, `reads ${sender}`, height);
      return;
    }
    const right = chain.model.valueAt(sender, height);
    if (right !== value) this.#wrong(`${by} reads "${value}" for ${sender} at height ${height}, not "${right}"`);
  }

  /** What was committed and given out by nobody yet may be shown; what nobody ever committed may not. */
  #checkOrdered(by: string, what: string, height: Height): void {
    if (!this.#parts.committed(height)) this.#wrong(`${by} ${what} at height ${height}, which nobody ever committed`);
  }

  /** A refusal is no promise that nobody else includes the transaction, but for these two. */
  #checkRefusal(chain: Chain, { by, id, status: { kind, reason } }: Refusal): void {
    const offer = this.#offers.get(id)?.offer ?? null;
    if (offer === null) return;
    const place = chain.placeOf(id);
    if (kind === 'expired' && !BY_AGE.test(reason) && place?.code === 0) {
      this.#wrong(`${by} calls ${id} expired (${reason}): it took effect at height ${place.height}`);
    }
    const { sender, nonce } = offer;
    const used = reason === usedNonce(nonce);
    if (used && !this.#parts.committed(chain.height + 1) && chain.model.nonceOf(sender) < nonce) {
      this.#wrong(`${by} says that nonce ${nonce} of ${sender} was used: the log uses ${chain.model.nonceOf(sender)}`);
    }
  }

  #wrong(sentence: string): void {
    this.#parts.report('linearizability', sentence);
  }
}
