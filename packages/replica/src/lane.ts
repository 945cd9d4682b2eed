import type { Clock } from '@quorate/kernel';

export interface LaneOptions<T> {
  /** Most items and bytes that wait; what comes on top is dropped. */
  readonly maxItems: number;
  readonly maxBytes: number;
  /** Of these, what one sender may take. */
  readonly maxBytesPerSender: number;
  /** Items handled before the lane lets the event loop turn, so that votes get in between. */
  readonly burst: number;
  /** Handles one item. What it throws ends in `failed`. */
  readonly handle: (item: T) => Promise<void> | void;
  readonly failed: (error: unknown) => void;
}

/** A bounded queue with one worker: what peers send that is no engine message is handled here, in order, one at a time. */
export class Lane<T> {
  readonly #options: LaneOptions<T>;
  readonly #clock: Clock;
  #items: { readonly item: T; readonly bytes: number; readonly sender: string }[] = [];
  readonly #bytesOf = new Map<string, number>();
  #bytes = 0;
  #running = false;
  #closed = false;
  #idle: (() => void) | null = null;

  constructor(options: LaneOptions<T>, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  get size(): number {
    return this.#items.length;
  }

  /** Queues an item of so many bytes; false when the lane is full, or of too much from this sender, or closed. */
  offer(item: T, bytes: number, sender: string): boolean {
    const { maxItems, maxBytes, maxBytesPerSender } = this.#options;
    const ofSender = this.#bytesOf.get(sender) ?? 0;
    if (this.#closed || this.#items.length >= maxItems || this.#bytes + bytes > maxBytes) return false;
    if (ofSender > 0 && ofSender + bytes > maxBytesPerSender) return false;
    this.#items.push({ item, bytes, sender });
    this.#bytes += bytes;
    this.#bytesOf.set(sender, ofSender + bytes);
    if (!this.#running) {
      this.#running = true;
      void this.#run();
    }
    return true;
  }

  /** Drops what waits and resolves once the item in hand is done. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#items = [];
    if (this.#running) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
  }

  #took(bytes: number, sender: string): void {
    this.#bytes -= bytes;
    const left = (this.#bytesOf.get(sender) ?? 0) - bytes;
    if (left > 0) this.#bytesOf.set(sender, left);
    else this.#bytesOf.delete(sender);
  }

  async #run(): Promise<void> {
    let burst = 0;
    try {
      for (;;) {
        const next = this.#items.shift();
        if (next === undefined) break;
        this.#took(next.bytes, next.sender);
        await this.#options.handle(next.item);
        burst += 1;
        if (burst >= this.#options.burst && this.#items.length > 0) {
          burst = 0;
          await new Promise<void>((resolve) => {
            this.#clock.after(0, resolve);
          });
        }
      }
    } catch (error) {
      this.#closed = true;
      this.#items = [];
      this.#options.failed(error);
    } finally {
      this.#running = false;
      this.#idle?.();
    }
  }
}
