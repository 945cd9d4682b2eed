import type { Digest, Genesis, Height, SignatureSuite, Signer, SignOutcome, Statement } from '@quorate/kernel';
import { toHex } from '@quorate/kernel';
import type { FinalizedBlock, ReplicaStatus, SettledStatus } from '@quorate/replica';
import { Chain } from './chain.ts';
import { Memory, type MemoryBounds } from './memory.ts';

/** Something that must never happen, and did. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

interface Seen {
  readonly value: string;
  readonly by: string;
}

/** What somebody was told of a transaction. */
interface Told {
  readonly by: string;
  readonly height: Height;
  readonly index: number;
  readonly code: number;
}

/** What the content of blocks is checked against. */
export interface ChainContext {
  readonly genesis: Genesis;
  readonly suite: SignatureSuite;
  /** Whether blocks may hold only what {@link Checkers.offer} heard of. */
  readonly offeredOnly: boolean;
  readonly memory: MemoryBounds;
}

/**
 * Watches a whole network from outside and remembers what was ever observed, across crashes. It shares no arithmetic with
 * the protocol: it only compares.
 */
export class Checkers {
  readonly #blocks = new Map<Height, Seen>();
  readonly #roots = new Map<Height, Seen>();
  readonly #asked = new Map<string, Map<string, Statement>>();
  readonly #signed = new Map<string, Map<string, Statement>>();
  readonly #acknowledged = new Map<Digest, { readonly height: Height; readonly by: string }>();
  readonly #violations: string[] = [];
  readonly #told: (Told & { readonly id: Digest })[] = [];
  readonly #reads: { readonly by: string; readonly sender: string; readonly height: Height; readonly value: string }[] =
    [];
  readonly #offers = new Map<Digest, Height>();
  readonly #highest = new Map<string, Height>();
  #known: Height = 0;
  #top: Height = 0;
  /** What replicas may hold; null until {@link watchChain}. */
  memory: Memory | null = null;
  /** The log as replicas give it out; null until {@link watchChain}. */
  chain: Chain | null = null;

  /** What was violated so far. */
  get violations(): readonly string[] {
    return this.#violations;
  }

  /** Highest height that anybody finalized. */
  get height(): Height {
    return this.#top;
  }

  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  /** From now on the content of blocks, certificates, receipts and the memory of replicas are checked too. */
  watchChain({ genesis, suite, offeredOnly, memory }: ChainContext): void {
    const offered = (id: Digest): boolean => !offeredOnly || this.#offers.has(id);
    const report = (checker: string, sentence: string): void => this.violate(checker, sentence);
    this.chain = new Chain({ genesis, suite, report, offered });
    this.memory = new Memory(memory, report);
  }

  /** A block that a replica gave out as final and executed. */
  observe(by: string, block: FinalizedBlock): void {
    this.finalized(by, block.header.height, block.digest);
    this.#highest.set(by, Math.max(this.#highest.get(by) ?? 0, block.header.height));
    this.chain?.observe(by, block);
  }

  /** A replica runs again: what it gave out before is still there. */
  restarted(by: string, height: Height): void {
    const before = this.#highest.get(by) ?? 0;
    if (height < before) this.violate('durability', `${by} gave out height ${before} and came back at ${height}`);
  }

  /** A member lost its disk: nothing that it said before is expected of it. */
  forget(by: string): void {
    this.#highest.delete(by);
    for (const place of [...this.#asked.keys()]) if (place.startsWith(`${by}/`)) this.#asked.delete(place);
  }

  /** What a replica says of itself, now and then. */
  status(by: string, status: ReplicaStatus): void {
    this.memory?.measure(by, status);
  }

  /** A replica stopped itself, or could not start, for a reason that no fault explains. */
  stopped(by: string, why: string): void {
    this.violate('halt', `${by}: ${why}`);
  }

  /** An honest replica holds evidence against a voting key; `dishonest` are those that it may name. */
  accused(by: string, key: string, dishonest: ReadonlySet<string>): void {
    if (!dishonest.has(key)) this.violate('accountability', `${by} has evidence against ${key}, who is honest`);
  }

  /** A client offers a transaction: whatever it knows to be final by now comes before it. */
  offer(id: Digest): void {
    if (!this.#offers.has(id)) this.#offers.set(id, this.#known);
  }

  /** A client was told what became of its transaction. */
  settled(by: string, id: Digest, status: SettledStatus): void {
    if (status.kind !== 'final') return;
    this.acknowledge(by, id, status.height);
    this.#known = Math.max(this.#known, status.height);
    this.#told.push({ by, id, height: status.height, index: status.index, code: status.receipt.code });
  }

  /** A client read the value of a sender at a height. */
  read(by: string, sender: string, height: Height, value: string): void {
    this.#reads.push({ by, sender, height, value });
  }

  /** Once at the end: what clients were told agrees with the log, and nothing overtook what was known before. */
  checkTold(): void {
    const { chain } = this;
    if (chain === null) return;
    for (const { by, id, height, index, code } of this.#told) {
      if (height > chain.height) continue;
      const place = chain.placeOf(id);
      if (place === null)
        this.violate('durability', `${by} called ${id} final at height ${height}: the log has it nowhere`);
      else if (place.height !== height || place.index !== index || place.code !== code) {
        const there = `${place.height}/${place.index} with code ${place.code}`;
        this.violate(
          'linearizability',
          `${by} told of ${id} at ${height}/${index} with code ${code}, the log has ${there}`,
        );
      }
    }
    for (const { by, sender, height, value } of this.#reads) {
      if (height > chain.height) continue;
      const right = chain.model.valueAt(sender, height);
      if (right !== value) {
        this.violate('linearizability', `${by} reads "${value}" for ${sender} at height ${height}, not "${right}"`);
      }
    }
    for (const [id, known] of this.#offers) {
      const place = chain.placeOf(id);
      if (place !== null && place.height <= known) {
        this.violate(
          'linearizability',
          `${id} was offered after height ${known} was known and is at height ${place.height}`,
        );
      }
    }
  }

  /** Agreement: one block per height, for everybody and for ever. */
  finalized(by: string, height: Height, digest: Digest): void {
    this.#top = Math.max(this.#top, height);
    this.#one(this.#blocks, 'agreement', 'block', by, height, digest);
  }

  /** Equal state: one root per height. */
  committed(by: string, height: Height, stateRoot: Digest): void {
    this.#one(this.#roots, 'state', 'state root', by, height, stateRoot);
  }

  /** Somebody was told that a transaction is final. */
  acknowledge(by: string, id: Digest, height: Height): void {
    const earlier = this.#acknowledged.get(id);
    if (earlier !== undefined && earlier.height !== height) {
      this.violate('durability', `${id} is final at height ${earlier.height} (${earlier.by}) and ${height} (${by})`);
    }
    this.#acknowledged.set(id, { height, by });
  }

  /** Acknowledged means durable: a node that reached the height must still know the transaction there, unless it is below `kept`. */
  checkAcknowledged(by: string, height: Height, find: (id: Digest) => Height | null, kept: Height = 1): void {
    for (const [id, told] of this.#acknowledged) {
      if (told.height > height || told.height < kept) continue;
      const found = find(id);
      if (found !== told.height) {
        this.violate(
          'durability',
          `${told.by} called ${id} final at height ${told.height}, ${by} at height ${height} has it at ${found}`,
        );
      }
    }
  }

  /** A signer whose every released signature is checked against all that were ever released with its key. */
  watch(by: string, signer: Signer): Signer {
    const sign = async (statements: readonly Statement[]): Promise<SignOutcome[]> => {
      for (const statement of statements) this.asked(by, statement);
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

  /**
   * An engine asks for no signature that contradicts one it asked for before, in this life or an earlier one: what it voted is
   * durable before it asks. The gate would refuse, so without this a forgetful engine would go unnoticed.
   */
  asked(by: string, statement: Statement): void {
    if (this.chain === null) return;
    const place = `${by}/${statement.epoch}/${statement.view}`;
    const before = this.#asked.get(place) ?? new Map<string, Statement>();
    this.#asked.set(place, before);
    for (const other of before.values()) {
      if (contradict(other, statement)) {
        this.violate('equivocation', `${by} asks for ${JSON.stringify(statement)} after ${JSON.stringify(other)}`);
      }
    }
    before.set(JSON.stringify(statement), statement);
  }

  /** No key contradicts itself: one block per kind and view, and never both nullify and finalize. */
  released(by: string, publicKey: Uint8Array | null, statement: Statement): void {
    const place = `${toHex(publicKey ?? new Uint8Array())}/${statement.epoch}/${statement.view}`;
    const before = this.#signed.get(place) ?? new Map<string, Statement>();
    this.#signed.set(place, before);
    for (const other of before.values()) {
      if (contradict(other, statement)) {
        this.violate('equivocation', `${by} signed ${JSON.stringify(statement)} after ${JSON.stringify(other)}`);
      }
    }
    before.set(JSON.stringify(statement), statement);
  }

  /** Throws when anything was violated. */
  demand(context: string): void {
    if (this.#violations.length > 0) throw new Violation(`${context}: ${this.#violations.slice(0, 5).join('; ')}`);
  }

  #one(seen: Map<Height, Seen>, checker: string, what: string, by: string, height: Height, value: string): void {
    const earlier = seen.get(height);
    if (earlier === undefined) seen.set(height, { value, by });
    else if (earlier.value !== value) {
      this.violate(checker, `${what} at height ${height}: ${earlier.value} for ${earlier.by}, ${value} for ${by}`);
    }
  }

  /** Writes down that `checker` saw something that must never happen. */
  violate(checker: string, sentence: string): void {
    this.#violations.push(`${checker}: ${sentence}`);
  }
}

/** Whether no correct validator signs both of two statements of one view. */
function contradict(one: Statement, other: Statement): boolean {
  const kinds = [one.kind, other.kind].sort().join();
  return kinds === 'finalize,nullify' || (one.kind === other.kind && JSON.stringify(one) !== JSON.stringify(other));
}
