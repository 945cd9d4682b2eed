import {
  type Application,
  type Digest,
  type Hash,
  type Height,
  MAX_TRANSACTION_BYTES,
  MAX_TRANSACTIONS,
  type Millis,
  Recent,
  type TxAdmission,
  toHex,
} from '@quorate/kernel';
import { Heap } from './heap.ts';
import { type Entry, isBehindGap, lowestOf, positionOf, type Sender, startOf } from './mempool-sender.ts';

export interface MempoolOptions {
  /** Bound of the transactions' bytes. */
  readonly maxBytes: number;
  readonly maxTransactions: number;
  readonly maxPerSender: number;
  /** A larger transaction is refused: no block could ever carry it. */
  readonly maxTransactionBytes?: number;
  /** Transactions checked again after one block, at most. */
  readonly recheckPerBlock?: number;
  /** Ids of settled transactions that are remembered, so that a replay is answered at once. */
  readonly rememberSettled?: number;
  /** A transaction that was not included for this long is given up, expiry height or not. */
  readonly maxAge?: Millis;
  /** Transactions whose admission the application has not answered yet; more are refused. */
  readonly maxChecking?: number;
}

export interface MempoolParts {
  readonly application: Pick<Application, 'checkTx'>;
  readonly hash: Hash;
  /** A transaction that was admitted leaves without having been settled. Must not throw. */
  readonly dropped: (id: Digest, drop: Drop) => void;
}

/** Why an admitted transaction left the mempool before it was settled. */
export interface Drop {
  readonly kind: 'expired' | 'evicted' | 'replaced' | 'rejected';
  readonly reason: string;
}

export type AddResult =
  | { readonly kind: 'accepted'; readonly id: Digest; readonly expiry: Height | null }
  /** It waits already, or its admission is being checked. */
  | { readonly kind: 'known'; readonly id: Digest }
  /** It was settled not long ago: ask the transaction index. */
  | { readonly kind: 'settled'; readonly id: Digest; readonly height: Height }
  /** `inadmissible`: the application says that no state admits it. */
  | { readonly kind: 'rejected'; readonly id: Digest; readonly reason: string; readonly inadmissible?: boolean };

/** A body spends this much more on each transaction than its bytes. */
const LENGTH_PREFIX = 4;
/** A sender with more than this fraction of the bytes is the first to yield when room is short. */
const HOG = 16;

/**
 * Transactions that wait for a block. Each sender's keep the order of their nonces; senders take turns, higher priority first.
 * What follows a gap between nonces is kept and proposed to nobody: it may cost its sender nothing for ever, so it must not take the
 * room of others nor make blocks.
 *
 * When full, a newcomer takes the place of: first, what waits behind a gap, if the newcomer does not; then, the lowest-priority
 * transaction of the largest sender, as long as that sender holds more than a sixteenth of the bytes; after that, the lowest-priority
 * transaction of all (the latest among equals), if the newcomer's priority is higher. Otherwise the newcomer is refused. Nothing is
 * evicted for a newcomer that is refused.
 */
export class Mempool {
  readonly #options: Required<MempoolOptions>;
  readonly #parts: MempoolParts;
  readonly #byId = new Map<Digest, Entry>();
  readonly #senders = new Map<string, Sender>();
  readonly #byExpiry = new Map<Height, Set<Entry>>();
  readonly #hogs = new Set<Sender>();
  /** Senders of whom something waits behind a gap. */
  readonly #gapped = new Set<Sender>();
  #cheapest = new Heap<Entry>(cheaper);
  readonly #checking = new Set<Digest>();
  readonly #settled: Recent<Digest, Height>;
  /** Senders whose transactions must be checked again, in order. */
  readonly #stale = new Set<string>();
  #recheck: Promise<void> = Promise.resolve();
  /** Whether a check again waits for the one that runs. */
  #rechecks = false;
  #height: Height = 0;
  #bytes = 0;
  #seq = 0;

  constructor(options: MempoolOptions, parts: MempoolParts) {
    this.#options = {
      maxTransactionBytes: MAX_TRANSACTION_BYTES,
      recheckPerBlock: 512,
      rememberSettled: 65_536,
      maxAge: 3_600_000,
      maxChecking: 4096,
      ...options,
    };
    this.#settled = new Recent({ capacity: this.#options.rememberSettled });
    this.#parts = parts;
  }

  get size(): number {
    return this.#byId.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  has(id: Digest): boolean {
    return this.#byId.has(id);
  }

  /** Asks the application and keeps the transaction. Never rejects: a failing application is a reason too. */
  async add(tx: Uint8Array, now: Millis): Promise<AddResult> {
    const id = toHex(this.#parts.hash(tx));
    const reject = (reason: string): AddResult => ({ kind: 'rejected', id, reason });
    const settledAt = this.#settled.get(id);
    if (settledAt !== undefined) return { kind: 'settled', id, height: settledAt };
    if (this.#byId.has(id) || this.#checking.has(id)) return { kind: 'known', id };
    const limit = Math.min(this.#options.maxTransactionBytes, this.#options.maxBytes);
    if (tx.length > limit) return reject(`the transaction has ${tx.length} bytes, the limit is ${limit}`);
    if (this.#checking.size >= this.#options.maxChecking) return reject('too many transactions are being checked');

    this.#checking.add(id);
    try {
      const height = this.#height;
      let admission = await this.#parts.application.checkTx(tx, { now, recheck: false });
      // A block came meanwhile: the nonce that was next then may have been used.
      if (height !== this.#height && isAhead(admission))
        admission = await this.#parts.application.checkTx(tx, { now, recheck: true });
      if (admission.kind === 'rejected') return { ...admission, id };
      const settledMeanwhile = this.#settled.get(id);
      if (settledMeanwhile !== undefined) return { kind: 'settled', id, height: settledMeanwhile };
      const refusal = this.#admit(id, tx, admission, now);
      return refusal === null ? { kind: 'accepted', id, expiry: admission.expiry } : reject(refusal);
    } catch (error) {
      return reject(`the application could not check it: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      this.#checking.delete(id);
    }
  }

  /**
   * Transactions for a block of at most `maxBytes` of body, best first: in every round each sender gives its next one, and a
   * round goes by priority. They stay until {@link committed} names them; `excluded` are in blocks that are not executed yet.
   */
  candidates(maxBytes: number, excluded: ReadonlySet<Digest> = new Set()): Uint8Array[] {
    const turns = new Heap<Turn>(sooner);
    for (const sender of this.#senders.values()) {
      const at = startOf(sender);
      const entry = sender.entries[at];
      if (entry !== undefined) turns.append({ round: 0, at, entry });
    }
    turns.order();
    const chosen: Uint8Array[] = [];
    let left = maxBytes;
    while (chosen.length < MAX_TRANSACTIONS && left > LENGTH_PREFIX) {
      const turn = turns.pop();
      if (turn === undefined) break;
      const { entry, round, at } = turn;
      if (!excluded.has(entry.id)) {
        const cost = entry.tx.length + LENGTH_PREFIX;
        if (cost > left) continue; // and with it the sender: what follows needs this nonce first
        chosen.push(entry.tx);
        left -= cost;
      }
      const next = entry.sender.entries[at + 1];
      if (next?.nonce === entry.nonce + 1n) turns.push({ round: round + 1, at: at + 1, entry: next });
    }
    return chosen;
  }

  /** Whether more than `bytes` of a body could be filled now, what is `excluded` apart. */
  exceeds(bytes: number, excluded: ReadonlySet<Digest> = new Set()): boolean {
    let left = bytes;
    for (const sender of this.#senders.values()) {
      let due = sender.next;
      for (let at = startOf(sender); sender.entries[at]?.nonce === due; at++, due++) {
        const entry = sender.entries[at];
        if (entry === undefined || excluded.has(entry.id)) continue;
        left -= entry.tx.length + LENGTH_PREFIX;
        if (left < 0) return true;
      }
    }
    return false;
  }

  /**
   * A block was executed: its transactions are settled, those that can no longer be included expire. Both happen at once; the
   * promise resolves when the senders whom the block concerned, and then some others in turn, have been checked again.
   * Bounded: what does not fit into this block's share waits for the next.
   */
  committed(height: Height, transactions: readonly Digest[], now: Millis): Promise<void> {
    for (const id of transactions) {
      this.#settled.set(id, height);
      const entry = this.#byId.get(id);
      if (entry === undefined) continue;
      const { sender } = entry;
      this.#stale.add(sender.name);
      this.#remove(entry);
      if (entry.nonce >= sender.next) this.#advance(sender, entry.nonce + 1n);
    }
    this.#expire(height, now);
    // Blocks that come faster than their checks share one.
    if (!this.#rechecks) {
      this.#rechecks = true;
      this.#recheck = this.#recheck.then(() => this.#checkAgain(now));
    }
    return this.#recheck;
  }

  #admit(
    id: Digest,
    tx: Uint8Array,
    { sender: name, nonce, next, priority, expiry }: Extract<TxAdmission, { kind: 'admitted' }>,
    since: Millis,
  ): string | null {
    if (expiry !== null && expiry <= this.#height) return `it expired at height ${expiry}`;
    const sender = this.#senders.get(name) ?? { name, entries: [], next, bytes: 0 };
    const at = positionOf(sender.entries, nonce);
    const rival = sender.entries[at]?.nonce === nonce ? sender.entries[at] : undefined;
    if (rival !== undefined && (priority <= rival.priority || priority * 100n < rival.priority * 110n)) {
      return `a transaction with nonce ${nonce} waits; replacing it takes 110 % of its priority ${rival.priority}`;
    }
    if (rival === undefined && sender.entries.length >= this.#options.maxPerSender) {
      return `the sender has ${sender.entries.length} transactions waiting, the limit`;
    }
    const entry: Entry = { id, tx: owned(tx), sender, nonce, priority, expiry, seq: this.#seq++, since, present: true };
    const victims = this.#victimsFor(entry, rival);
    if (victims === null) return `the mempool is full and priority ${priority} is too low`;
    for (const victim of victims) this.#drop(victim, { kind: 'evicted', reason: 'the mempool was full' });
    if (rival !== undefined) this.#drop(rival, { kind: 'replaced', reason: `replaced by ${id}` });
    this.#insert(entry);
    if (next > sender.next) this.#advance(sender, next);
    return null;
  }

  /** Who must go so that `entry` fits (when `rival` goes too); `null` when it is not worth it. */
  #victimsFor(entry: Entry, rival: Entry | undefined): Entry[] | null {
    let bytes = this.#bytes + entry.tx.length - (rival?.tx.length ?? 0);
    let count = this.#byId.size + (rival === undefined ? 1 : 0);
    const victims: Entry[] = [];
    const passed: Entry[] = []; // left the heap, and must come back
    const going = new Set<Entry>(rival === undefined ? [] : [rival]);
    let worthIt = true;
    const room = (): boolean => bytes <= this.#options.maxBytes && count <= this.#options.maxTransactions;
    const take = (victim: Entry): void => {
      victims.push(victim);
      going.add(victim);
      bytes -= victim.tx.length;
      count--;
    };
    const isReady = !isBehindGap(entry.sender, entry.nonce);
    while (!room()) {
      const stray = isReady ? this.#stray(going, entry.sender) : null;
      if (stray !== null) {
        take(stray);
        continue;
      }
      const hog = this.#largestHog(going, entry.sender);
      const fromHog = hog === null ? null : lowestOf(hog, going);
      if (fromHog !== null) {
        take(fromHog);
        continue;
      }
      const cheapest = this.#cheapest.pop();
      if (cheapest === undefined) {
        worthIt = false;
        break;
      }
      if (!cheapest.present) continue;
      passed.push(cheapest);
      if (going.has(cheapest)) continue;
      if (cheapest.priority >= entry.priority) {
        worthIt = false;
        break;
      }
      take(cheapest);
    }
    for (const back of passed) this.#cheapest.push(back);
    return worthIt ? victims : null;
  }

  /** The last transaction behind a gap of some other sender, not counting what already goes. */
  #stray(going: ReadonlySet<Entry>, newcomer: Sender): Entry | null {
    for (const sender of this.#gapped) {
      if (sender === newcomer) continue;
      const last = sender.entries.findLast((entry) => !going.has(entry));
      if (last !== undefined && isBehindGap(sender, last.nonce)) return last;
    }
    return null;
  }

  /** The sender with most bytes among those above their share, not counting what already goes; never the newcomer's own. */
  #largestHog(going: ReadonlySet<Entry>, newcomer: Sender): Sender | null {
    let largest: Sender | null = null;
    let most = 0;
    for (const hog of this.#hogs) {
      if (hog === newcomer) continue;
      let bytes = hog.bytes;
      for (const entry of going) if (entry.sender === hog) bytes -= entry.tx.length;
      if (this.#isHog(bytes) && bytes > most) {
        largest = hog;
        most = bytes;
      }
    }
    return largest;
  }

  #isHog(bytes: number): boolean {
    return bytes * HOG > this.#options.maxBytes;
  }

  #insert(entry: Entry): void {
    const { sender } = entry;
    this.#byId.set(entry.id, entry);
    this.#senders.set(sender.name, sender);
    sender.entries.splice(positionOf(sender.entries, entry.nonce), 0, entry);
    this.#account(sender, entry.tx.length);
    this.#cheapest.push(entry);
    if (this.#cheapest.size > 64 + 2 * this.#byId.size) {
      this.#cheapest = new Heap(cheaper);
      for (const present of this.#byId.values()) this.#cheapest.append(present);
      this.#cheapest.order();
    }
    if (entry.expiry === null) return;
    const expiring = this.#byExpiry.get(entry.expiry) ?? new Set();
    expiring.add(entry);
    this.#byExpiry.set(entry.expiry, expiring);
  }

  #remove(entry: Entry): void {
    const { sender } = entry;
    entry.present = false;
    this.#byId.delete(entry.id);
    sender.entries.splice(positionOf(sender.entries, entry.nonce), 1);
    this.#account(sender, -entry.tx.length);
    if (sender.entries.length === 0) this.#senders.delete(sender.name);
    if (entry.expiry === null) return;
    const expiring = this.#byExpiry.get(entry.expiry);
    expiring?.delete(entry);
    if (expiring?.size === 0) this.#byExpiry.delete(entry.expiry);
  }

  #account(sender: Sender, bytes: number): void {
    sender.bytes += bytes;
    this.#bytes += bytes;
    if (this.#isHog(sender.bytes)) this.#hogs.add(sender);
    else this.#hogs.delete(sender);
    this.#advance(sender, sender.next);
  }

  /** Takes note of what the state wants next of a sender. */
  #advance(sender: Sender, next: bigint): void {
    sender.next = next;
    const last = sender.entries.at(-1);
    if (last !== undefined && isBehindGap(sender, last.nonce)) this.#gapped.add(sender);
    else this.#gapped.delete(sender);
  }

  #drop(entry: Entry, drop: Drop): void {
    this.#remove(entry);
    this.#parts.dropped(entry.id, drop);
  }

  #expire(height: Height, now: Millis): void {
    for (const entry of this.#byId.values()) {
      if (now - entry.since <= this.#options.maxAge) break; // and the later ones are younger
      this.#drop(entry, { kind: 'expired', reason: `not included within ${this.#options.maxAge} ms` });
    }
    if (height <= this.#height) return;
    const due = [...this.#byExpiry.keys()].filter((expiry) => expiry <= height);
    this.#height = height;
    for (const expiry of due) {
      for (const entry of [...(this.#byExpiry.get(expiry) ?? [])]) {
        this.#drop(entry, { kind: 'expired', reason: `not included up to height ${expiry}` });
      }
    }
  }

  /** Half of the share is for the senders whom blocks concerned, so that one with much to check keeps nobody else waiting. */
  async #checkAgain(now: Millis): Promise<void> {
    this.#rechecks = false;
    const share = this.#options.recheckPerBlock;
    const left = await this.#checkSenders([...this.#stale], Math.ceil(share / 2), now);
    const used = Math.ceil(share / 2) - left;
    await this.#checkSenders([...this.#senders.keys()].slice(0, share - used), share - used, now);
  }

  /** Checks what these senders have waiting, at most `most` transactions; returns how many of them are left. */
  async #checkSenders(names: readonly string[], most: number, now: Millis): Promise<number> {
    let left = most;
    for (const name of names) {
      if (left <= 0) break;
      this.#stale.delete(name);
      const sender = this.#senders.get(name);
      if (sender === undefined) continue;
      // Whoever was checked goes to the end of the line.
      this.#senders.delete(name);
      this.#senders.set(name, sender);
      for (const entry of sender.entries.slice(0, left)) {
        left--;
        if (!entry.present) continue;
        try {
          const height = this.#height;
          const admission = await this.#parts.application.checkTx(entry.tx, { now, recheck: true });
          if (admission.kind === 'admitted' && height === this.#height) this.#advance(sender, admission.next);
          if (admission.kind === 'rejected' && entry.present) {
            this.#drop(entry, { kind: 'rejected', reason: admission.reason });
          }
        } catch {
          return 0; // An application that fails is dealt with where blocks are executed.
        }
      }
    }
    return left;
  }
}

interface Turn {
  readonly round: number;
  /** Place of the entry among its sender's. */
  readonly at: number;
  readonly entry: Entry;
}

function sooner(a: Turn, b: Turn): boolean {
  if (a.round !== b.round) return a.round < b.round;
  if (a.entry.priority !== b.entry.priority) return a.entry.priority > b.entry.priority;
  return a.entry.seq < b.entry.seq;
}

function cheaper(a: Entry, b: Entry): boolean {
  return a.priority !== b.priority ? a.priority < b.priority : a.seq > b.seq;
}

/** The transaction in memory of its own size: a view would keep the whole message that brought it, up to thousands of times as much. */
function owned(tx: Uint8Array): Uint8Array {
  return 2 * tx.length < tx.buffer.byteLength ? new Uint8Array(tx) : tx;
}

/** Whether a transaction waits for another nonce than its own. */
function isAhead(admission: TxAdmission): boolean {
  return admission.kind === 'admitted' && admission.nonce !== admission.next;
}
