import { describe, expect, it } from 'vitest';
import { Stream } from '../random.ts';
import { CalendarQueue } from './calendar.ts';
import { HeapQueue } from './heap.ts';
import type { EventHandle, EventQueue } from './queue.ts';

/** What a run of random operations is made of. Delays in µs. */
interface Mix {
  readonly operations: number;
  /** Pushes among a hundred operations while few wait, and while more than `full` do. */
  readonly filling: number;
  readonly full: number;
  readonly cancels: number;
  readonly peeks: number;
  readonly delay: (stream: Stream) => number;
  readonly salted: boolean;
}

const network = (stream: Stream): number =>
  stream.chance(0.9) ? stream.between(10_000, 150_000) : stream.between(1_000_000, 2_000_000);

const MIXES: Readonly<Record<string, Mix>> = {
  'few events, messages and timers': {
    operations: 150_000,
    filling: 60,
    full: 100,
    cancels: 10,
    peeks: 5,
    delay: network,
    salted: false,
  },
  'thousands of events': {
    operations: 300_000,
    filling: 80,
    full: 20_000,
    cancels: 5,
    peeks: 1,
    delay: network,
    salted: false,
  },
  'ties, salted': {
    operations: 200_000,
    filling: 70,
    full: 3_000,
    cancels: 10,
    peeks: 10,
    delay: (stream) => 10 * stream.below(20),
    salted: true,
  },
  'within one bucket and at once': {
    operations: 150_000,
    filling: 70,
    full: 2_000,
    cancels: 10,
    peeks: 10,
    delay: (stream) => stream.below(90),
    salted: true,
  },
  'far beyond the ring': {
    operations: 200_000,
    filling: 70,
    full: 5_000,
    cancels: 10,
    peeks: 10,
    delay: (stream) => (stream.chance(0.5) ? stream.below(9_000_000) : 256 * stream.below(2 ** 32)),
    salted: false,
  },
  'mostly cancelled': {
    operations: 200_000,
    filling: 90,
    full: 50_000,
    cancels: 85,
    peeks: 1,
    delay: network,
    salted: true,
  },
};

function fail(what: string, operation: number, calendar: unknown, heap: unknown): never {
  throw new Error(`${what} differ at operation ${operation}: ${String(calendar)}, the heap says ${String(heap)}`);
}

/** Does the same to both queues and throws at the first difference. Returns how many events came out. */
function race(mix: Mix, seed: number, calendar: EventQueue<number>, heap: EventQueue<number>): number {
  const stream = Stream.named(seed, 'queue');
  const handles: [EventHandle, EventHandle][] = [];
  let popped = 0;
  const pop = (operation: number): void => {
    const [one, other] = [calendar.pop(), heap.pop()];
    if (one !== other || calendar.time !== heap.time) fail('events', operation, one, other);
    if (calendar.kind !== heap.kind || calendar.word !== heap.word) fail('words', operation, calendar.word, heap.word);
    if (one !== undefined) popped++;
  };
  for (let operation = 0; operation < mix.operations; operation++) {
    if (stream.below(100) < mix.peeks) {
      const [one, other] = [calendar.peek(), heap.peek()];
      if (one !== other) fail('next times', operation, one, other);
    }
    if (stream.below(100) < mix.cancels && handles.length > 0) {
      const pair = handles.splice(Math.max(0, handles.length - 1 - stream.below(50)), 1)[0] ?? [0, 0];
      const [one, other] = [calendar.cancel(pair[0]), heap.cancel(pair[1])];
      if (one !== other) fail('cancellations', operation, one, other);
    }
    if (calendar.size !== heap.size) fail('sizes', operation, calendar.size, heap.size);
    if (stream.below(100) < (heap.size > mix.full ? 40 : mix.filling)) {
      const time = heap.time + mix.delay(stream);
      const salt = mix.salted ? stream.u32() : 0;
      const [kind, word] = [stream.u32() | 0, stream.u32() | 0];
      handles.push([calendar.push(time, salt, kind, word, operation), heap.push(time, salt, kind, word, operation)]);
    } else pop(operation);
  }
  while (heap.size > 0) pop(mix.operations);
  if (calendar.pop() !== undefined || calendar.size !== 0) fail('ends', mix.operations, calendar.size, 0);
  return popped;
}

describe('calendar queue', () => {
  it.each(Object.entries(MIXES))('does what the heap does: %s', (_, mix) => {
    const popped = race(mix, 1, new CalendarQueue<number>(), new HeapQueue<number>());
    expect(popped).toBeGreaterThan(mix.operations / 20);
  });

  it('takes more than a million operations in all', () => {
    expect(Object.values(MIXES).reduce((sum, { operations }) => sum + operations, 0)).toBeGreaterThan(1_000_000);
  });

  it('takes an event that comes before one it has looked at', () => {
    const queue = new CalendarQueue<string>();
    for (let i = 0; i < 1000; i++) queue.push(3_000_000 + i, 0, 0, 0, 'late');
    expect(queue.peek()).toBe(3_000_000);
    queue.push(10, 0, 0, 0, 'early');
    queue.push(3_000_000, 0, 0, 0, 'late');
    queue.push(2_000_000, 0, 0, 0, 'middle');
    expect([queue.pop(), queue.pop(), queue.pop()]).toEqual(['early', 'middle', 'late']);
    expect(queue.size).toBe(1000);
  });

  it('keeps simultaneous events of one salt in the order of pushing, whatever the other salts', () => {
    const queue = new CalendarQueue<string>();
    for (let i = 0; i < 3; i++) {
      queue.push(5, 9, 0, 0, `b${i}`);
      queue.push(5, 2, 0, 0, `a${i}`);
    }
    expect(Array.from({ length: 6 }, () => queue.pop())).toEqual(['a0', 'a1', 'a2', 'b0', 'b1', 'b2']);
  });

  it('does not cancel an event that took the place of the one meant', () => {
    const queue = new CalendarQueue<string>();
    const first = queue.push(1, 0, 0, 0, 'first');
    expect(queue.pop()).toBe('first');
    queue.push(2, 0, 0, 0, 'second');
    expect(queue.cancel(first)).toBe(false);
    expect(queue.pop()).toBe('second');
  });

  it('forgets cancelled events long before their time', () => {
    const queue = new CalendarQueue<string>();
    for (let i = 0; i < 100_000; i++) queue.cancel(queue.push(60_000_000 + i, 0, 0, 0, 'timer'));
    expect(queue.size).toBe(0);
    expect(queue.peek()).toBe(Number.POSITIVE_INFINITY);
  });

  it.each([-1, 0.5, Number.NaN, 2 ** 53])('refuses the time %d', (time) => {
    for (const queue of [new CalendarQueue<string>(), new HeapQueue<string>()])
      expect(() => queue.push(time, 0, 0, 0, 'never')).toThrow(RangeError);
  });
});
