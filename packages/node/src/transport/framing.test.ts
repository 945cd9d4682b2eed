import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { TRAFFIC, TRAFFIC_LIMITS, type Traffic } from '@quorate/kernel';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MIN_WINDOW_BYTES, ReceiveCount, SendWindow, TokenBucket } from './flow.ts';
import { controlFrame, FIRST, FRAME, FrameReader, MAX_FRAME_BYTES, trafficOf } from './frames.ts';
import { Inbox, ReassemblyBudget } from './inbox.ts';
import { Outbox, QUEUE_LIMITS } from './outbox.ts';

const refused = expect.objectContaining({ code: 'transport/refused' });
const always = (): boolean => true;

function bytesOf(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + seed) & 0xff;
  return bytes;
}

/** Everything an outbox has to say, as one stream. */
function drain(outbox: Outbox): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let batch = outbox.take(always); batch !== null; batch = outbox.take(always)) parts.push(batch.bytes);
  return Buffer.concat(parts);
}

function receive(chunks: readonly Uint8Array[], budget = new ReassemblyBudget(64 << 20)): [Traffic, Uint8Array][] {
  const reader = new FrameReader();
  const inbox = new Inbox(budget);
  const messages: [Traffic, Uint8Array][] = [];
  for (const chunk of chunks) {
    reader.feed(chunk);
    for (let frame = reader.next(); frame !== null; frame = reader.next()) {
      const traffic = trafficOf(frame.type);
      if (traffic === undefined) continue;
      const bytes = inbox.accept(traffic, frame);
      if (bytes !== null) messages.push([traffic, bytes]);
    }
  }
  return messages;
}

function frame(type: number, flags: number, payload: Uint8Array): Uint8Array {
  const bytes = controlFrame(type, payload);
  bytes[1] = flags;
  return bytes;
}

function first(total: number, content: Uint8Array): Uint8Array {
  const payload = Buffer.alloc(4 + content.length);
  payload.writeUInt32LE(total);
  payload.set(content, 4);
  return payload;
}

describe('framing', () => {
  test('any messages in any chunks arrive whole and in order within their class', () => {
    const message = fc.tuple(fc.constantFrom(...TRAFFIC), fc.oneof(fc.nat(200), fc.nat(200_000)));
    fc.assert(
      fc.property(fc.array(message, { maxLength: 12 }), fc.integer({ min: 1, max: 70_000 }), (plan, step) => {
        const outbox = new Outbox();
        const sent = plan.map(([traffic, length], i): [Traffic, Uint8Array] => [traffic, bytesOf(length, i)]);
        for (const [traffic, bytes] of sent) expect(outbox.push(traffic, bytes)).toBe(true);
        const stream = drain(outbox);
        const chunks = Array.from({ length: Math.ceil(stream.length / step) }, (_, i) =>
          stream.subarray(i * step, (i + 1) * step),
        );
        const arrived = receive(chunks);
        for (const traffic of TRAFFIC) {
          const of = (list: [Traffic, Uint8Array][]): Uint8Array[] =>
            list.filter(([each]) => each === traffic).map(([, bytes]) => bytes);
          const [expected, actual] = [of(sent), of(arrived)];
          expect(actual.length).toBe(expected.length);
          expect(actual.every((bytes, i) => Buffer.compare(bytes, expected[i] ?? new Uint8Array()) === 0)).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('a vote goes before the next frame of a body', () => {
    const outbox = new Outbox();
    outbox.push('bodies', bytesOf(4 << 20, 1));
    outbox.push('sync', bytesOf(10, 1));
    const before = outbox.take(always);
    expect(before?.bytes.length).toBe(MAX_FRAME_BYTES);
    expect(before?.bytes[0]).toBe(TRAFFIC.indexOf('bodies'));
    outbox.push('votes', bytesOf(100, 2));
    const after = outbox.take(always);
    expect(after?.bytes[0]).toBe(TRAFFIC.indexOf('votes'));
    expect(receive([before?.bytes ?? new Uint8Array(), after?.bytes ?? new Uint8Array()])).toHaveLength(1);
  });

  test('small messages share a write', () => {
    const outbox = new Outbox();
    for (let i = 0; i < 100; i++) outbox.push('votes', bytesOf(100, i));
    expect(outbox.take(always)?.messages).toHaveLength(100);
    expect(outbox.isEmpty).toBe(true);
  });

  test('queues are bounded by class and refuse what is over the limit of a message', () => {
    const outbox = new Outbox();
    expect(outbox.push('transactions', new Uint8Array(TRAFFIC_LIMITS.transactions + 1))).toBe(false);
    const chunk = new Uint8Array(1 << 20);
    let taken = 0;
    while (outbox.push('transactions', chunk)) taken += chunk.length;
    expect(taken).toBeLessThanOrEqual(QUEUE_LIMITS.transactions);
    expect(outbox.queued('transactions')).toBe(taken);
    expect(outbox.push('votes', chunk)).toBe(true);
  });

  test('what was sent is not kept in memory', async () => {
    setFlagsFromString('--expose-gc');
    const collect: () => void = runInNewContext('gc');
    const outbox = new Outbox();
    const sent: WeakRef<Uint8Array>[] = [];
    const send = (): void => {
      const message = new Uint8Array(100 << 10);
      sent.push(new WeakRef(message));
      outbox.push('sync', message);
      drain(outbox);
    };
    for (let i = 0; i < 40; i++) send();
    await new Promise((resolve) => setImmediate(resolve)); // a reference that was made is strong until its turn is over
    collect();
    expect(sent.filter((message) => message.deref() !== undefined).length).toBeLessThan(3);
    expect(outbox.isEmpty).toBe(true);
  });

  test.each([
    ['a message over the limit of its class', [frame(0, FIRST, first(TRAFFIC_LIMITS.votes + 1, bytesOf(9, 1)))]],
    [
      'a message that begins inside another',
      [frame(1, FIRST, first(99, bytesOf(9, 1))), frame(1, FIRST, first(9, bytesOf(9, 1)))],
    ],
    ['a continuation of nothing', [frame(1, 0, bytesOf(9, 1))]],
    ['more than was announced', [frame(1, FIRST, first(8, bytesOf(9, 1)))]],
    ['more than was announced, later', [frame(1, FIRST, first(10, bytesOf(9, 1))), frame(1, 0, bytesOf(2, 1))]],
    ['an empty frame in the middle', [frame(1, FIRST, first(10, bytesOf(9, 1))), frame(1, 0, bytesOf(0, 1))]],
    ['a beginning without content', [frame(1, FIRST, first(10, bytesOf(0, 1)))]],
    ['a beginning without a length', [frame(1, FIRST, bytesOf(3, 1))]],
    ['unknown flags', [frame(1, 2, bytesOf(3, 1))]],
    ['a frame over 64 KiB', [Uint8Array.of(0, 1, 0xff, 0xff)]],
  ])('refuses %s', (_, frames) => {
    expect(() => receive(frames)).toThrow(refused);
  });

  test('memory follows the bytes that came, not the length that was claimed, and gives it back', () => {
    const budget = new ReassemblyBudget(100 << 10);
    const inbox = new Inbox(budget);
    const start = { type: 3, flags: FIRST, payload: first(TRAFFIC_LIMITS.sync, bytesOf(1, 1)) };
    expect(inbox.accept('sync', start)).toBeNull();
    expect(budget.reserve(50 << 10)).toBe(false);
    expect(budget.reserve(30 << 10)).toBe(true);
    expect(() => {
      for (let i = 0; i < 4; i++) inbox.accept('sync', { type: 3, flags: 0, payload: bytesOf(40 << 10, i) });
    }).toThrow(refused);
    inbox.close();
    budget.release(30 << 10);
    expect(budget.reserve(100 << 10)).toBe(true);
  });
});

describe('flow control', () => {
  test('without answers only two frames of bulk are under way', () => {
    const window = new SendWindow();
    const outbox = new Outbox();
    outbox.push('bodies', new Uint8Array(4 << 20));
    let frames = 0;
    for (
      let batch = outbox.take((n) => window.mayBulk(n));
      batch !== null;
      batch = outbox.take((n) => window.mayBulk(n))
    ) {
      for (const bytes of batch.bulkFrames) window.sent(bytes, 0);
      frames += batch.bulkFrames.length;
    }
    expect(frames).toBe(2);
    expect(outbox.isEmpty).toBe(false);
  });

  test('both ends agree when an answer is due, prompt ones widen the window and late ones narrow it', () => {
    const window = new SendWindow();
    const count = new ReceiveCount();
    let now = 0;
    const transfer = (frames: number, size: number, delay: number): void => {
      for (let i = 0; i < frames; i++) {
        if (!window.mayBulk(0)) throw new Error('stalled');
        window.sent(size, now);
        if (count.received(size)) expect(window.acked(now + delay)).toBe(true);
        now += delay;
      }
    };
    transfer(1000, 300, 1);
    expect(window.acked(now)).toBe(false);
    for (let i = 0; i < 50; i++) {
      while (window.mayBulk(0)) window.sent(65_536, now);
      now += 1;
      while (window.acked(now));
    }
    const wide = window.window;
    expect(wide).toBeGreaterThan(4 * MIN_WINDOW_BYTES);
    for (let i = 0; i < 15; i++) {
      while (window.mayBulk(0)) window.sent(65_536, now);
      now += 500;
      while (window.acked(now));
    }
    expect(window.window).toBeLessThan(wide);
  });

  test('a token bucket grants its burst, then its rate', () => {
    const bucket = new TokenBucket({ rate: 1000, burst: 10 }, 0);
    const granted = (now: number): number => {
      let count = 0;
      while (bucket.take(now)) count++;
      return count;
    };
    expect(granted(0)).toBe(10);
    expect(granted(5)).toBe(5);
    expect(granted(1000)).toBe(10);
  });

  test('control frames are not traffic', () => {
    for (const type of Object.values(FRAME)) expect(trafficOf(type)).toBeUndefined();
  });
});
