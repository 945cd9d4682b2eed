import type { Digest, Genesis, Height, SignatureSuite, Signer, SignOutcome, Statement } from '@quorate/kernel';
import { toHex } from '@quorate/kernel';
import type { FinalizedBlock, ReplicaStatus, SettledStatus } from '@quorate/replica';
import { Answers, type Offer } from './answers.ts';
import { Chain } from './chain.ts';
import { type Contradiction, Contradictions, contradict } from './contradictions.ts';
import { Memory, type MemoryBounds } from './memory.ts';
import type { Membership } from './sets.ts';

/** Something that must never happen, and did. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

interface Seen {
  readonly value: string;
  readonly by: string;
}

/** What a member lost. */
export interface Loss {
  /** Its blocks, or the state of its application. */
  readonly chain: boolean;
  /** The journal of its engine. */
  readonly journal: boolean;
}

/** What the content of blocks is checked against. */
export interface ChainContext {
  readonly genesis: Genesis;
  readonly suite: SignatureSuite;
  /** Whether blocks may hold only what {@link Checkers.offer} heard of. */
  readonly offeredOnly: boolean;
  readonly memory: MemoryBounds;
  /** The latest time, Unix ms, that a block may carry which these voters made final by now; absent: any. */
  readonly latestTime?: (voters: Membership) => number;
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
  /** Statements that left a gate, by member. */
  readonly #releasedBy = new Set<string>();
  /** How far each member raised the floor of its gate, below which it remembers nothing. */
  readonly #floors = new Map<string, { readonly epoch: number; readonly view: number }>();
  readonly #acknowledged = new Map<Digest, { readonly height: Height; readonly by: string }>();
  readonly #violations: string[] = [];
  readonly #answers = new Answers({
    report: (checker, sentence) => this.violate(checker, sentence),
    committed: (height) => this.#roots.has(height),
  });
  readonly #highest = new Map<string, Height>();
  #top: Height = 0;
  /** What replicas may hold; null until {@link watchChain}. */
  memory: Memory | null = null;
  /** The log as replicas give it out; null until {@link watchChain}. */
  chain: Chain | null = null;

  /** Contradicting votes that members were handed; null until {@link watchChain}. */
  contradictions: Contradictions | null = null;

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
  watchChain({ genesis, suite, offeredOnly, memory, latestTime }: ChainContext): void {
    const offered = (id: Digest): boolean => !offeredOnly || this.#answers.offered(id);
    const report = (checker: string, sentence: string): void => this.violate(checker, sentence);
    this.chain = new Chain({ genesis, suite, report, offered, ...(latestTime === undefined ? {} : { latestTime }) });
    this.memory = new Memory(memory, report);
    const setOf = (epoch: number): Membership | null => this.chain?.setOf(epoch) ?? null;
    this.contradictions = new Contradictions({ chainId: genesis.chainId, suite, setOf });
  }

  /** A block that a replica gave out as final and executed. */
  observe(by: string, block: FinalizedBlock): void {
    this.finalized(by, block.header.height, block.digest);
    this.#highest.set(by, Math.max(this.#highest.get(by) ?? 0, block.header.height));
    this.#answers.shows(by, block.header.height);
    this.chain?.observe(by, block);
  }

  /** A replica runs again: what it gave out before is still there. */
  restarted(by: string, height: Height): void {
    const before = this.#highest.get(by) ?? 0;
    this.#answers.begins(by);
    if (height < before) this.violate('durability', `${by} gave out height ${before} and came back at ${height}`);
  }

  /**
   * A member lost what it needs to stand by what it said before. Without its chain it may come back with less than it gave out; without
   * its journal its engine may ask for anything, but for what contradicts a vote that its gate released and still remembers.
   */
  forget(by: string, { chain, journal }: Loss = { chain: true, journal: true }): void {
    if (chain) this.#highest.delete(by);
    if (!journal) return;
    const floor = this.#floors.get(by);
    for (const [place, statements] of this.#asked) {
      if (!place.startsWith(`${by}/`)) continue;
      for (const [name, { epoch, view }] of statements) {
        const isAbove = floor === undefined || epoch > floor.epoch || (epoch === floor.epoch && view > floor.view);
        if (!isAbove || !this.#releasedBy.has(`${by} ${name}`)) statements.delete(name);
      }
    }
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

  /** A replica holds no evidence against a key, though it was handed these votes long ago. */
  unaccused(by: string, { key, epoch, view }: Contradiction): void {
    const where = `view ${view} of epoch ${epoch}`;
    this.violate(
      'missing evidence',
      `${by} has none against ${key}, which contradicted itself before its eyes in ${where}`,
    );
  }

  /** A client offers a transaction: whatever it knows to be final by now comes before it. */
  offer(id: Digest, offer: Offer | null = null): void {
    this.#answers.offer(id, offer);
  }

  /** A client was told what became of its transaction. */
  settled(by: string, id: Digest, status: SettledStatus): void {
    if (status.kind === 'final') this.acknowledge(by, id, status.height);
    this.#answers.settled(by, id, status);
  }

  /** Highest height that a node showed anybody in its present life: what a reader asks for from now on is no older. */
  shownBy(by: string): Height {
    return this.#answers.shownBy(by);
  }

  /** A client read the value of a sender at a height; it asked when the node had shown `floor`. */
  read(by: string, sender: string, height: Height, value: string, floor: Height = 0): void {
    this.#answers.read({ by, sender, height, value }, floor);
  }

  /** Once at the end: what clients were told agrees with the log, and nothing overtook what was known before. */
  checkTold(): void {
    if (this.chain !== null) this.#answers.check(this.chain);
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
      for (const outcome of outcomes) {
        if (outcome.kind !== 'signed') continue;
        this.#releasedBy.add(`${by} ${JSON.stringify(outcome.statement)}`);
        this.released(by, signer.publicKey, outcome.statement);
      }
      return outcomes;
    };
    const raiseFloor: Signer['raiseFloor'] = (epoch, view) => {
      const before = this.#floors.get(by);
      if (before === undefined || epoch > before.epoch || (epoch === before.epoch && view > before.view)) {
        this.#floors.set(by, { epoch, view });
      }
      return signer.raiseFloor(epoch, view);
    };
    return new Proxy(signer, {
      get: (target, property) => {
        if (property === 'sign') return sign;
        if (property === 'raiseFloor') return raiseFloor;
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
