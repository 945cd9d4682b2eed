/**
 * Keeps the pipe to a peer shallow. What the kernel took cannot be overtaken any more, and its buffers grow to megabytes;
 * so of the frames below votes only a window may be under way. The receiver says `ack` whenever the bytes it received cross a
 * multiple of 64 KiB, both ends count the same bytes, and the delay of the answers sets the window: it grows while they
 * come promptly and shrinks when they queue (the idea of TCP Vegas).
 */
const ACK_EVERY_BYTES = 64 << 10;
/** Two frames: what a vote may find before it. */
export const MIN_WINDOW_BYTES = 128 << 10;
const MAX_WINDOW_BYTES = 4 << 20;
/**
 * Delay in ms that is blamed on a busy process and not on a queue: what a turn of the event loop takes there under load. It is
 * also the most that a queue of our own making may add before a vote.
 */
const JITTER_MS = 25;
const MEMORY_MS = 10_000;

function crosses(before: number, bytes: number): boolean {
  return Math.floor((before + bytes) / ACK_EVERY_BYTES) > Math.floor(before / ACK_EVERY_BYTES);
}

/** The sender's half. */
export class SendWindow {
  #window = MIN_WINDOW_BYTES;
  #sent = 0;
  #acked = 0;
  /** Least delay seen since `#turned`, and in the stretch before: a path may become longer. */
  #least = Number.POSITIVE_INFINITY;
  #leastBefore = Number.POSITIVE_INFINITY;
  #turned = 0;
  #limited = false;
  readonly #expected: { readonly upTo: number; readonly at: number }[] = [];

  /** Whether another frame may go when `more` bytes go before it. */
  mayBulk(more: number): boolean {
    const room = this.#sent - this.#acked + more < this.#window;
    if (!room) this.#limited = true;
    return room;
  }

  /** Counts a frame handed to the socket at `now` (ms, monotonic). */
  sent(bytes: number, now: number): void {
    if (crosses(this.#sent, bytes)) this.#expected.push({ upTo: this.#sent + bytes, at: now });
    this.#sent += bytes;
  }

  /** Takes an `ack`; `false` when none was due. */
  acked(now: number): boolean {
    const due = this.#expected.shift();
    if (due === undefined) return false;
    this.#acked = due.upTo;
    const delay = now - due.at;
    if (now - this.#turned > MEMORY_MS) {
      this.#turned = now;
      this.#leastBefore = this.#least;
      this.#least = Number.POSITIVE_INFINITY;
    }
    this.#least = Math.min(this.#least, delay);
    const prompt = delay <= 1.5 * Math.min(this.#least, this.#leastBefore) + JITTER_MS;
    if (!prompt) this.#window = Math.max(MIN_WINDOW_BYTES, this.#window - ACK_EVERY_BYTES);
    else if (this.#limited) this.#window = Math.min(MAX_WINDOW_BYTES, this.#window + ACK_EVERY_BYTES);
    this.#limited = false;
    return true;
  }

  get window(): number {
    return this.#window;
  }
}

/** The receiver's half. */
export class ReceiveCount {
  #received = 0;

  /** Whether this frame below votes is to be acknowledged. */
  received(bytes: number): boolean {
    const due = crosses(this.#received, bytes);
    this.#received += bytes;
    return due;
  }
}

/** A token bucket: `rate` per second on average, `burst` at once. */
export class TokenBucket {
  readonly #rate: number;
  readonly #burst: number;
  #tokens: number;
  #at: number;

  constructor(options: { readonly rate: number; readonly burst: number }, now: number) {
    this.#rate = options.rate;
    this.#burst = options.burst;
    this.#tokens = options.burst;
    this.#at = now;
  }

  take(now: number): boolean {
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#at) * this.#rate) / 1000);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
