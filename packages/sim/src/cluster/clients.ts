import { type Digest, toHex } from '@quorate/kernel';
import type { Checkers } from '../checkers/checkers.ts';
import { sha256 } from '../hash.ts';
import { type Entry, registerTransaction } from '../register.ts';
import type { World } from '../world.ts';
import { answerOf, type Member } from './member.ts';

/** What clients need of a cluster. */
export interface Served {
  readonly world: World;
  readonly checkers: Checkers;
  readonly members: readonly Member[];
  isHonest(member: Member): boolean;
}

/** A value that somebody read. */
interface Asked {
  readonly member: Member;
  readonly sender: string;
}

/** Reads that may be repeated. */
const KEPT = 8;

/** The clients of a cluster: they submit transactions and read values, and the checkers hear what they are told. */
export class Clients {
  readonly #served: Served;
  readonly #nonces = new Map<string, number>();
  /** The last reads, oldest first. */
  readonly #asked: Asked[] = [];

  constructor(served: Served) {
    this.#served = served;
  }

  /** Submits a transaction of `sender` at a member; the checkers hear when it is called final. */
  submit(member: Member, sender: string, entry: Partial<Entry>): Digest | null {
    const { name, machine } = member;
    const { checkers } = this.#served;
    const honest = this.#served.isHonest(member);
    const replica = machine.program?.replica;
    if (replica === undefined) return null;
    const nonce = entry.nonce ?? (this.#nonces.get(sender) ?? 0) + 1;
    this.#nonces.set(sender, nonce);
    const tx = registerTransaction({ sender, nonce, value: `${sender} ${nonce}`, ...entry });
    const id = toHex(sha256(tx));
    checkers.offer(id, { sender, nonce, expiry: entry.expiry ?? null });
    const settle = async (): Promise<void> => {
      const result = await replica.submit(tx);
      const status = result.kind === 'rejected' ? result : await replica.settled(id);
      if (!honest) return;
      checkers.settled(name, id, status);
      // Who was told that something is final sees it.
      if (status.kind === 'final') this.#read(member, sender);
    };
    settle().catch(() => {}); // a node that stops answers nobody
    return id;
  }

  /** A steady load: a transaction every `interval` ms, some with `padding` bytes more, and some reads, until the returned function is called. */
  load(interval: number, padding: number): () => void {
    const { world } = this.#served;
    const stream = world.stream('load');
    const readers = world.stream('readers');
    let stopped = false;
    let count = 0;
    const next = (): void => {
      if (stopped) return;
      const running = this.#served.members.filter(({ machine }) => machine.program !== null);
      if (running.length > 0) {
        const large = padding > 0 && count % 4 === 0;
        const entry = large ? { padding: new Uint8Array(padding) } : {};
        this.submit(stream.pick(running), `load ${count++ % 50}`, entry);
        if (count % 5 === 0) this.#read(stream.pick(running), `load ${stream.below(50)}`);
        if (count % 2 === 0 && this.#asked.length > 0) this.#readAgain(readers.pick(this.#asked));
        if (count % 6 === 0) this.#submitBrief(readers.pick(running), count, readers.below(4));
      }
      world.schedule(interval, 'load', next);
    };
    next();
    return () => {
      stopped = true;
    };
  }

  /** A transaction that may expire before anybody includes it. `heights`: how many it has. */
  #submitBrief(member: Member, count: number, heights: number): void {
    const height = answerOf(member, (replica) => replica.status().executedHeight);
    if (height !== null) this.submit(member, `brief ${count}`, { expiry: height + heights });
  }

  /** Asks the same member for the same value once more. */
  #readAgain({ member, sender }: Asked): void {
    if (member.machine.program !== null) this.#read(member, sender);
  }

  /** Reads the value of a sender at a member, for the checkers. */
  #read(member: Member, sender: string): void {
    const { checkers } = this.#served;
    const replica = member.machine.program?.replica;
    if (replica === undefined || !this.#served.isHonest(member)) return;
    if (this.#asked.push({ member, sender }) > KEPT) this.#asked.shift();
    const floor = checkers.shownBy(member.name);
    const data = new TextEncoder().encode(sender);
    replica.query({ path: '', data, height: 0, prove: false }).then(
      ({ height, value }) => checkers.read(member.name, sender, height, new TextDecoder().decode(value), floor),
      () => {}, // a node that stops answers nobody
    );
  }
}
