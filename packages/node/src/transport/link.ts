import type { TLSSocket } from 'node:tls';
import { decode, encode, isQuorateError, type PeerId, type Traffic } from '@quorate/kernel';
import { ReceiveCount, SendWindow, TokenBucket } from './flow.ts';
import { controlFrame, FRAME, FRAME_HEADER_BYTES, type Frame, FrameReader, trafficOf, violation } from './frames.ts';
import { type Hello, helloCodec, MAX_HELLO_BYTES, readRefusal, writeRefusal } from './hello.ts';
import { Inbox, type ReassemblyBudget } from './inbox.ts';
import type { Remote } from './listener.ts';
import { Outbox } from './outbox.ts';

/** What a member is granted, or an observer. */
export interface LinkRights {
  /** Frames per second that are read from this peer; more wait in the socket. */
  readonly frames: { readonly rate: number; readonly burst: number };
  /** Where memory for incomplete messages comes from. */
  readonly budget: ReassemblyBudget;
}

export interface LinkOptions {
  /** From the peer's certificate. */
  readonly peer: PeerId;
  readonly dialled: boolean;
  /** The far end, for limits and logs. */
  readonly remote: Remote;
  readonly hello: Hello;
  readonly rights: LinkRights;
  readonly handshakeMs: number;
  readonly pingMs: number;
  readonly idleMs: number;
}

/** What a link tells the mesh. Always called from the socket's or a timer's event. */
export interface LinkEvents {
  /** The peer's hello: a reason to refuse it, or `null`. */
  greeted(link: Link, hello: Hello): string | null;
  message(link: Link, traffic: Traffic, bytes: Uint8Array): void;
  /** A message left for the socket. */
  sent(link: Link, traffic: Traffic, bytes: number): void;
  closed(link: Link, reason: string): void;
}

export interface LinkParts {
  readonly socket: TLSSocket;
  readonly events: LinkEvents;
}

/** Bytes that may wait in the socket above the kernel: one full frame. */
const SOCKET_BYTES = 64 << 10;
/** Control frames that may wait for a peer that does not read. */
const MAX_CONTROL = 1024;
/** How long a connection that was replaced still listens. */
const RETIRED_MS = 2000;
/** How long a refused peer may take to read why. */
const LINGER_MS = 1000;
const THROTTLE_MS = 10;

type State = 'greeting' | 'up' | 'retired' | 'closing' | 'closed';

/** One authenticated connection: hello, then messages of four classes, cut into frames. */
export class Link {
  readonly peer: PeerId;
  readonly dialled: boolean;
  readonly remote: Remote;
  readonly since = performance.now();
  /** Of the peer's process; empty before its hello. */
  session = '';
  /** Whether the peer said that it does not want us. */
  refused = false;
  readonly #options: LinkOptions;
  readonly #socket: TLSSocket;
  readonly #events: LinkEvents;
  readonly #reader = new FrameReader();
  readonly #inbox: Inbox;
  readonly #outbox = new Outbox();
  readonly #window = new SendWindow();
  readonly #count = new ReceiveCount();
  #bucket: TokenBucket;
  #rights: LinkRights;
  #control: Uint8Array[] = [];
  #state: State = 'greeting';
  #pumping = false;
  #throttle: NodeJS.Timeout | null = null;
  #lastHeard = performance.now();
  #lastSaid = performance.now();
  #deadline: number;
  #reason = 'the peer closed the connection';

  constructor(options: LinkOptions, parts: LinkParts) {
    this.#options = options;
    this.#rights = options.rights;
    this.peer = options.peer;
    this.dialled = options.dialled;
    this.remote = options.remote;
    this.#socket = parts.socket;
    this.#events = parts.events;
    this.#inbox = new Inbox(options.rights.budget);
    this.#bucket = new TokenBucket(options.rights.frames, this.since);
    this.#deadline = this.since + options.handshakeMs;
    const { socket } = parts;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Uint8Array) => this.#receive(chunk));
    socket.on('error', (error) => {
      this.#reason = error.message;
    });
    socket.on('close', () => this.#closed());
    this.#say(controlFrame(FRAME.hello, encode(helloCodec, options.hello)));
  }

  get isUp(): boolean {
    return this.#state === 'up';
  }

  /** Queues a message; `false` when it was dropped. */
  send(traffic: Traffic, bytes: Uint8Array): boolean {
    if (this.#state !== 'up' || !this.#outbox.push(traffic, bytes)) return false;
    this.#wake();
    return true;
  }

  queued(traffic: Traffic): number {
    return this.#outbox.queued(traffic);
  }

  /** The peer became a member, or ceased to be one. */
  grant(rights: LinkRights): void {
    if (rights === this.#rights) return;
    this.#rights = rights;
    this.#bucket = new TokenBucket(rights.frames, performance.now());
    try {
      this.#inbox.moveTo(rights.budget);
    } catch {
      this.refuse('too many incomplete messages wait for their rest');
    }
  }

  /** Another connection to the same process takes over: no more is sent here, what still arrives is delivered for a while. */
  retire(): [Traffic, Uint8Array][] {
    if (this.#state !== 'up' && this.#state !== 'greeting') return [];
    const unsent = this.#state === 'up' ? this.#outbox.unsent() : [];
    this.#state = 'retired';
    this.#reason = 'another connection to the same peer replaced it';
    this.#deadline = performance.now() + RETIRED_MS;
    return unsent;
  }

  /** Says something: where the far end is gone, its machine or the network answers that the connection is. */
  ask(): void {
    if (this.#state === 'up') this.#say(controlFrame(FRAME.ping));
  }

  /** Tells the peer why and hangs up. */
  refuse(reason: string): void {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    this.#reason = reason;
    this.#state = 'closing';
    this.#deadline = performance.now() + LINGER_MS;
    this.#socket.end(controlFrame(FRAME.refuse, writeRefusal(reason)));
  }

  /** Hangs up at once. */
  destroy(reason: string): void {
    if (this.#state === 'closed') return;
    this.#reason = reason;
    this.#state = 'closing';
    this.#socket.destroy();
  }

  /** Flushes what the socket already holds, then hangs up. */
  end(reason: string): void {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    this.#reason = reason;
    this.#state = 'closing';
    this.#deadline = performance.now() + LINGER_MS;
    this.#socket.end();
  }

  /** Keeps the connection honest; the mesh calls it a few times a second. */
  tick(now: number): void {
    switch (this.#state) {
      case 'greeting':
        if (now > this.#deadline) this.destroy('it sent no hello in time');
        return;
      case 'retired':
      case 'closing':
        if (now > this.#deadline) this.destroy(this.#reason);
        return;
      case 'up':
        if (now - this.#lastHeard > this.#options.idleMs) this.destroy(`nothing heard for ${this.#options.idleMs} ms`);
        else if (now - this.#lastSaid > this.#options.pingMs) this.#say(controlFrame(FRAME.ping));
        return;
      case 'closed':
        return;
    }
  }

  #receive(chunk: Uint8Array): void {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    this.#lastHeard = performance.now();
    this.#reader.feed(chunk);
    if (this.#throttle === null) this.#drain();
  }

  /** Takes frames at the rate that this peer is granted; the rest stays in the socket, and at last in the peer. */
  #drain(): void {
    try {
      while (this.#reader.ready()) {
        if (!this.#bucket.take(performance.now())) {
          this.#socket.pause();
          this.#throttle = setTimeout(() => {
            this.#throttle = null;
            this.#lastHeard = performance.now(); // it spoke: we did not listen
            this.#drain();
            if (this.#throttle === null) this.#socket.resume();
          }, THROTTLE_MS);
          return;
        }
        const frame = this.#reader.next();
        if (frame !== null) this.#onFrame(frame);
        if (this.#state === 'closing' || this.#state === 'closed') return;
      }
    } catch (error) {
      if (!isQuorateError(error)) throw error;
      this.refuse(error.message);
    }
  }

  #onFrame(frame: Frame): void {
    const { type, payload } = frame;
    if (type === FRAME.refuse) {
      this.refused = true;
      this.destroy(`it refused: ${readRefusal(payload)}`);
      return;
    }
    if (this.#state === 'greeting') {
      this.#onHello(frame);
      return;
    }
    const traffic = trafficOf(type);
    if (traffic !== undefined) {
      const bytes = this.#inbox.accept(traffic, frame);
      if (type > 0 && this.#count.received(FRAME_HEADER_BYTES + payload.length)) this.#say(controlFrame(FRAME.ack));
      if (bytes !== null) this.#events.message(this, traffic, bytes);
      return;
    }
    if (payload.length > 0 || frame.flags !== 0) throw violation(`a malformed control frame of type ${type}`);
    if (type === FRAME.ping) return;
    if (type !== FRAME.ack) throw violation(`an unknown frame of type ${type}`);
    if (!this.#window.acked(performance.now())) throw violation('it acknowledged what was never sent');
    this.#wake();
  }

  #onHello({ type, payload }: Frame): void {
    if (type !== FRAME.hello || payload.length > MAX_HELLO_BYTES) throw violation('the first frame is not a hello');
    const hello = decode(helloCodec, payload);
    const refusal = this.#events.greeted(this, hello);
    if (refusal !== null) this.refuse(refusal);
  }

  /** The mesh has accepted the hello. */
  accept(hello: Hello): void {
    this.session = hello.session;
    if (this.#state === 'greeting') this.#state = 'up';
  }

  #say(frame: Uint8Array): void {
    if (this.#control.length >= MAX_CONTROL) {
      this.destroy('it does not read');
      return;
    }
    this.#control.push(frame);
    this.#wake();
  }

  #wake(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    setImmediate(() => {
      this.#pumping = false;
      this.#pump();
    });
  }

  readonly #pump = (): void => {
    while (this.#state !== 'closing' && this.#state !== 'closed' && this.#socket.writableLength < SOCKET_BYTES) {
      if (this.#control.length > 0) {
        const frames = this.#control;
        this.#control = [];
        this.#write(Buffer.concat(frames));
        continue;
      }
      if (this.#state !== 'up') return;
      const batch = this.#outbox.take((more) => this.#window.mayBulk(more));
      if (batch === null) return;
      const now = performance.now();
      for (const bytes of batch.bulkFrames) this.#window.sent(bytes, now);
      for (const [traffic, bytes] of batch.messages) this.#events.sent(this, traffic, bytes);
      this.#write(batch.bytes);
    }
  };

  #write(bytes: Uint8Array): void {
    this.#lastSaid = performance.now();
    this.#socket.write(bytes, this.#pump);
  }

  #closed(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    if (this.#throttle !== null) clearTimeout(this.#throttle);
    this.#inbox.close();
    this.#events.closed(this, this.#reason);
  }
}
