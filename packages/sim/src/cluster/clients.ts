import { type Digest, toHex } from '@quorate/kernel';
import type { Checkers } from '../checkers/checkers.ts';
import { sha256 } from '../hash.ts';
import { type Entry, registerTransaction } from '../register.ts';
import type { World } from '../world.ts';
import type { Member } from './member.ts';

/** What clients need of a cluster. */
export interface Served {
  readonly world: World;
  readonly checkers: Checkers;
  readonly members: readonly Member[];
  isHonest(member: Member): boolean;
}

/** The clients of a cluster: they submit transactions and read values, and the checkers hear what they are told. */
export class Clients {
  readonly #served: Served;
  readonly #nonces = new Map<string, number>();

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
    checkers.offer(id);
    const settle = async (): Promise<void> => {
      const result = await replica.submit(tx);
      if (result.kind === 'rejected') return;
      const status = await replica.settled(id);
      if (honest) checkers.settled(name, id, status);
    };
    settle().catch(() => {}); // a node that stops answers nobody
    return id;
  }

  /** A steady load: a transaction every `interval` ms, some with `padding` bytes more, and some reads, until the returned function is called. */
  load(interval: number, padding: number): () => void {
    const { world } = this.#served;
    const stream = world.stream('load');
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
      }
      world.schedule(interval, 'load', next);
    };
    next();
    return () => {
      stopped = true;
    };
  }

  /** Reads the value of a sender at a member, for the checkers. */
  #read(member: Member, sender: string): void {
    const { checkers } = this.#served;
    const replica = member.machine.program?.replica;
    if (replica === undefined || !this.#served.isHonest(member)) return;
    const data = new TextEncoder().encode(sender);
    replica.query({ path: '', data, height: 0, prove: false }).then(
      ({ height, value }) => checkers.read(member.name, sender, height, new TextDecoder().decode(value)),
      () => {}, // a node that stops answers nobody
    );
  }
}
