import { createHash } from 'node:crypto';
import {
  type CheckContext,
  decode,
  encode,
  nullable,
  struct,
  type TxAdmission,
  text,
  toHex,
  u53,
  u64,
} from '@quorate/kernel';
import { Stream } from '@quorate/sim';
import { describe, expect, it } from 'vitest';
import { type Drop, Mempool, type MempoolOptions } from './mempool.ts';

const hash = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();

interface Simple {
  readonly sender: string;
  readonly nonce: bigint;
  readonly priority: bigint;
  readonly expiry: number | null;
  readonly padding: string;
}

const simple = struct<Simple>({
  sender: text(20),
  nonce: u64,
  priority: u64,
  expiry: nullable(u53),
  padding: text(70_000),
});

function tx(sender: string, nonce: number, priority = 10, rest: { expiry?: number; size?: number } = {}): Uint8Array {
  const padding = 'x'.repeat(rest.size ?? 0);
  return encode(simple, {
    sender,
    nonce: BigInt(nonce),
    priority: BigInt(priority),
    expiry: rest.expiry ?? null,
    padding,
  });
}

const idOf = (bytes: Uint8Array): string => toHex(hash(bytes));

interface Fixture {
  readonly pool: Mempool;
  readonly drops: Map<string, Drop>;
  readonly checked: { readonly sender: string; readonly nonce: bigint; readonly recheck: boolean }[];
  /** Rejects these senders from now on. */
  readonly broke: Set<string>;
  /** What the committed state wants next of a sender; 1 of any other. */
  readonly next: Map<string, bigint>;
  add(...txs: Uint8Array[]): Promise<string[]>;
  names(maxBytes?: number): string[];
}

/** A mempool over an application that reads sender, nonce and priority out of the transaction. */
function fixture(options: Partial<MempoolOptions> = {}): Fixture {
  const drops = new Map<string, Drop>();
  const checked: Fixture['checked'] = [];
  const broke = new Set<string>();
  const next = new Map<string, bigint>();
  const checkTx = async (bytes: Uint8Array, { recheck }: CheckContext): Promise<TxAdmission> => {
    const { sender, nonce, priority, expiry } = decode(simple, bytes);
    checked.push({ sender, nonce, recheck });
    if (sender === 'thrower') throw new Error('out of order');
    if (broke.has(sender)) return { kind: 'rejected', reason: `${sender} cannot pay` };
    return { kind: 'admitted', sender, nonce, next: next.get(sender) ?? 1n, priority, expiry };
  };
  const pool = new Mempool(
    { maxBytes: 1 << 20, maxTransactions: 1000, maxPerSender: 100, ...options },
    { application: { checkTx }, hash, dropped: (id, drop) => drops.set(id, drop) },
  );
  return {
    pool,
    drops,
    checked,
    broke,
    next,
    add: async (...txs) => {
      const kinds: string[] = [];
      for (const one of txs) {
        const result = await pool.add(one, 0);
        kinds.push(result.kind === 'rejected' ? result.reason : result.kind);
      }
      return kinds;
    },
    names: (maxBytes = 1 << 20) =>
      pool.candidates(maxBytes).map((bytes) => {
        const { sender, nonce } = decode(simple, bytes);
        return `${sender}${nonce}`;
      }),
  };
}

describe('mempool: admission', () => {
  it('admits once, answers a duplicate at once, counts bytes', async () => {
    const { pool, add, checked } = fixture();
    const one = tx('a', 1);
    expect(await add(one, one)).toEqual(['accepted', 'known']);
    expect([pool.size, pool.bytes, pool.has(idOf(one)), checked.length]).toEqual([1, one.length, true, 1]);
  });

  it('does not check a transaction twice while the first check runs', async () => {
    const { pool, checked } = fixture();
    const one = tx('a', 1);
    const results = await Promise.all([pool.add(one, 0), pool.add(one, 0)]);
    expect(results.map((result) => result.kind)).toEqual(['accepted', 'known']);
    expect(checked).toHaveLength(1);
  });

  it('passes on the reason of the application, and survives one that throws', async () => {
    const { add, broke, pool } = fixture();
    broke.add('poor');
    expect(await add(tx('poor', 1), tx('thrower', 1))).toEqual([
      'poor cannot pay',
      'the application could not check it: out of order',
    ]);
    expect(pool.size).toBe(0);
  });

  it('refuses what no block can hold, and what expired', async () => {
    const { add, pool } = fixture({ maxBytes: 1000 });
    await pool.committed(5, [], 0);
    const [large, late, fine] = await add(
      tx('a', 1, 1, { size: 2000 }),
      tx('a', 2, 1, { expiry: 5 }),
      tx('a', 3, 1, { expiry: 6 }),
    );
    expect(large).toMatch(/bytes, the limit is 1000/);
    expect(late).toBe('it expired at height 5');
    expect(fine).toBe('accepted');
    const exact = tx('a', 1, 1, { size: 500 });
    const small = fixture({ maxTransactionBytes: exact.length });
    expect(await small.add(tx('a', 1, 1, { size: 501 }), exact)).toEqual([
      `the transaction has ${exact.length + 1} bytes, the limit is ${exact.length}`,
      'accepted',
    ]);
  });

  it('bounds one sender and the checks under way', async () => {
    const { add, pool } = fixture({ maxPerSender: 3, maxChecking: 2 });
    expect(await add(tx('a', 1), tx('a', 2), tx('a', 3), tx('a', 4), tx('b', 1))).toEqual([
      'accepted',
      'accepted',
      'accepted',
      'the sender has 3 transactions waiting, the limit',
      'accepted',
    ]);
    const results = await Promise.all([1, 2, 3].map((nonce) => pool.add(tx('c', nonce), 0)));
    expect(results.map((result) => result.kind)).toEqual(['accepted', 'accepted', 'rejected']);
  });

  it('does not keep the message alive that brought a small transaction', async () => {
    const { pool, add } = fixture();
    const one = tx('a', 1);
    const message = new Uint8Array(1 << 16);
    message.set(one, 100);
    await add(message.subarray(100, 100 + one.length));
    const [kept] = pool.candidates(1 << 20);
    expect(kept).toEqual(one);
    expect(kept?.buffer.byteLength).toBe(one.length);
  });
});

describe('mempool: order', () => {
  it('takes turns among senders by priority and keeps the nonce order of each', async () => {
    const { add, names, next } = fixture();
    next.set('b', 7n);
    await add(tx('a', 3, 99), tx('a', 1, 5), tx('a', 2, 50), tx('b', 7, 8), tx('b', 8, 1), tx('c', 1, 6));
    expect(names()).toEqual(['b7', 'c1', 'a1', 'a2', 'b8', 'a3']);
  });

  it('prefers the earlier among equals', async () => {
    const { add, names } = fixture();
    await add(tx('z', 1), tx('m', 1), tx('a', 1));
    expect(names()).toEqual(['z1', 'm1', 'a1']);
  });

  it('passes over what unfinalized blocks carry', async () => {
    const { add, pool } = fixture();
    const [a1, a2, b1] = [tx('a', 1, 9), tx('a', 2, 5), tx('b', 1, 7)];
    await add(a1, a2, b1);
    expect(pool.candidates(1000, new Set([idOf(a1)]))).toEqual([b1, a2]);
    expect(pool.candidates(b1.length + 4, new Set([idOf(a1), idOf(a2)]))).toEqual([b1]);
  });

  it('stays within the bytes and skips the rest of a sender whose next one does not fit', async () => {
    const { add, names, pool } = fixture();
    await add(tx('a', 1, 9, { size: 600 }), tx('a', 2, 9), tx('b', 1, 1), tx('b', 2, 1));
    const small = tx('b', 1, 1).length + 4;
    expect(names(2 * small)).toEqual(['b1', 'b2']);
    expect(names(2 * small - 1)).toEqual(['b1']);
    expect(pool.candidates(0)).toEqual([]);
    expect(pool.size).toBe(4);
  });

  it('orders thousands of random transactions as a plain model does', async () => {
    const stream = Stream.named(3, 'mempool');
    const { add, names } = fixture({ maxTransactions: 5000, maxPerSender: 5000 });
    const model: { sender: string; nonce: number; priority: number; seq: number }[] = [];
    for (let seq = 0; seq < 2000; seq++) {
      const [sender, nonce, priority] = [`s${stream.below(40)}`, 1 + stream.below(20), stream.below(50)];
      if ((await add(tx(sender, nonce, priority)))[0] === 'accepted') {
        const rival = model.findIndex((one) => one.sender === sender && one.nonce === nonce);
        if (rival >= 0) model.splice(rival, 1);
        model.push({ sender, nonce, priority, seq });
      }
    }
    const senders = [...new Set(model.map(({ sender }) => sender))];
    const turns = senders.flatMap((name) =>
      model
        .filter(({ sender }) => sender === name)
        .sort((a, b) => a.nonce - b.nonce)
        .filter(({ nonce }, i) => nonce === i + 1) // up to the first gap
        .map((one, round) => ({ ...one, round })),
    );
    expect(turns.length).toBeGreaterThan(200);
    expect(turns.length).toBeLessThan(model.length);
    turns.sort((a, b) => a.round - b.round || b.priority - a.priority || a.seq - b.seq);
    expect(names()).toEqual(turns.map(({ sender, nonce }) => `${sender}${nonce}`));
  });
});

describe('mempool: gaps between nonces', () => {
  it('proposes nothing behind a gap, and all of it once the gap is filled', async () => {
    const { add, names, pool } = fixture();
    await add(tx('a', 3), tx('a', 4), tx('b', 2));
    expect(names()).toEqual([]);
    expect(pool.exceeds(0)).toBe(false);
    await add(tx('a', 1));
    expect(names()).toEqual(['a1']);
    await add(tx('a', 2));
    expect(names()).toEqual(['a1', 'a2', 'a3', 'a4']);
  });

  it('counts what a block could take', async () => {
    const { add, pool } = fixture();
    const a1 = tx('a', 1);
    const cost = a1.length + 4;
    await add(a1, tx('a', 2), tx('a', 4), tx('b', 1));
    expect([pool.exceeds(3 * cost - 1), pool.exceeds(3 * cost)]).toEqual([true, false]);
    expect(pool.exceeds(2 * cost - 1, new Set([idOf(a1)]))).toBe(true);
    expect(pool.exceeds(2 * cost, new Set([idOf(a1)]))).toBe(false);
  });

  it('learns from a block what is next, whether it held the transaction or not', async () => {
    const { add, names, pool, next } = fixture();
    const [a1, a3, b9] = [tx('a', 1), tx('a', 3), tx('b', 9)];
    await add(a1, tx('a', 2), a3, b9);
    next.set('a', 3n).set('b', 9n);
    await pool.committed(1, [idOf(a1), idOf(tx('a', 2))], 0);
    expect(names()).toEqual(['a3', 'b9']);
  });

  it('takes a nonce for used as soon as a block holds it, before anything is checked again', async () => {
    const { add, names, pool } = fixture({ recheckPerBlock: 0 });
    const a1 = tx('a', 1);
    await add(a1, tx('a', 2));
    await pool.committed(1, [idOf(a1)], 0);
    expect(names()).toEqual(['a2']);
  });

  it('asks again when a block came while it asked', async () => {
    let next = 1n;
    let answer = (): void => {};
    const answering = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const checkTx = async (): Promise<TxAdmission> => {
      const then = next;
      if (then === 1n) await answering;
      return { kind: 'admitted', sender: 'a', nonce: 2n, next: then, priority: 1n, expiry: null };
    };
    const pool = new Mempool(
      { maxBytes: 1000, maxTransactions: 10, maxPerSender: 10 },
      { application: { checkTx }, hash, dropped: () => {} },
    );
    const adding = pool.add(tx('a', 2), 0);
    next = 2n;
    await pool.committed(1, [], 0);
    answer();
    await adding;
    expect(pool.candidates(1000)).toHaveLength(1);
  });

  it('when full, gives up what waits behind a gap first, whatever it would pay', async () => {
    const { add, drops, names } = fixture({ maxTransactions: 4 });
    const [a1, a5, a6] = [tx('a', 1, 9), tx('a', 5, 900), tx('a', 6, 900)];
    await add(a1, a5, a6, tx('b', 1, 9));
    expect(await add(tx('c', 3, 5))).toEqual([expect.stringMatching(/full/)]);
    expect(await add(tx('c', 1, 1), tx('d', 1, 1))).toEqual(['accepted', 'accepted']);
    expect([...drops.keys()]).toEqual([idOf(a6), idOf(a5)]);
    expect(names()).toEqual(['a1', 'b1', 'c1', 'd1']);
  });
});

describe('mempool: replacement and eviction', () => {
  it('replaces at 110 % of the priority, not below', async () => {
    const { add, drops, names, pool } = fixture();
    const old = tx('a', 1, 100);
    const [, low, enough] = await add(old, tx('a', 1, 109), tx('a', 1, 110));
    expect(low).toMatch(/takes 110 % of its priority 100/);
    expect(enough).toBe('accepted');
    expect(pool.size).toBe(1);
    expect(drops.get(idOf(old))?.kind).toBe('replaced');
    expect(names()).toEqual(['a1']);
  });

  it('never replaces for nothing', async () => {
    const { add } = fixture();
    expect((await add(tx('a', 1, 0), tx('a', 1, 0, { size: 1 })))[1]).toMatch(/takes 110 %/);
  });

  it('when full, lets a better transaction take the place of the cheapest, and refuses the others', async () => {
    const { add, drops, pool, names } = fixture({ maxTransactions: 3 });
    const cheap = tx('b', 1, 2);
    const [refused, taken] = (await add(tx('a', 1, 5), cheap, tx('c', 1, 4), tx('d', 1, 2), tx('e', 1, 3))).slice(3);
    expect(refused).toMatch(/full and priority 2 is too low/);
    expect(taken).toBe('accepted');
    expect(drops.get(idOf(cheap))).toEqual({ kind: 'evicted', reason: 'the mempool was full' });
    expect(pool.size).toBe(3);
    expect(names().sort()).toEqual(['a1', 'c1', 'e1']);
  });

  it('evicts nothing for a newcomer that is refused in the end', async () => {
    const { add, pool, drops } = fixture({ maxBytes: 20_000 });
    const small = Array.from({ length: 20 }, (_, i) => tx(`s${i}`, 1, i, { size: 900 }));
    await add(...small);
    const before = pool.bytes;
    const [large] = await add(tx('big', 1, 3, { size: 8000 }));
    expect(large).toMatch(/too low/);
    expect([pool.bytes, drops.size]).toEqual([before, 0]);
    const [paid] = await add(tx('big', 1, 30, { size: 8000 }));
    expect(paid).toBe('accepted');
    expect(pool.bytes).toBeLessThanOrEqual(20_000);
  });

  it('makes a sender yield that holds more than its share, whatever it pays', async () => {
    const { add, drops, pool } = fixture({ maxBytes: 16_000 });
    const hog = Array.from({ length: 14 }, (_, i) => tx('hog', i, i === 5 ? 90 : 100, { size: 1000 }));
    await add(...hog);
    expect(pool.size).toBe(14);
    const [accepted] = await add(tx('a', 1, 1, { size: 2000 }));
    expect(accepted).toBe('accepted');
    expect(drops.get(idOf(tx('hog', 5, 90, { size: 1000 })))?.kind).toBe('evicted');
    expect(pool.bytes).toBeLessThanOrEqual(16_000);
  });

  it('keeps its bounds and its books under a random flood', async () => {
    const stream = Stream.named(4, 'flood');
    const offered: Uint8Array[] = [];
    let proposed = 0;
    const { pool, add, names, next } = fixture({ maxBytes: 30_000, maxTransactions: 60, maxPerSender: 12 });
    for (let i = 0; i < 3000; i++) {
      const sender = `s${stream.below(12)}`;
      const nonce = Number(next.get(sender) ?? 1n) + stream.below(6);
      const one = tx(sender, nonce, stream.below(1000), {
        size: stream.below(2500),
        expiry: 1 + stream.below(400),
      });
      offered.push(one);
      await add(one);
      if (i % 10 === 0) {
        const block = pool.candidates(3000);
        proposed += block.length;
        for (const used of block.map((bytes) => decode(simple, bytes))) next.set(used.sender, used.nonce + 1n);
        await pool.committed(1 + i / 10, block.map(idOf), i);
      }
      expect(pool.bytes).toBeLessThanOrEqual(30_000);
      expect(pool.size).toBeLessThanOrEqual(60);
    }
    expect(proposed).toBeGreaterThan(100);
    expect(new Set(names()).size).toBe(names().length);
    await pool.committed(301, offered.map(idOf), 3000);
    expect([pool.size, pool.bytes, names()]).toEqual([0, 0, []]);
  });
});

describe('mempool: blocks', () => {
  it('forgets what a block carries and answers a replay at once', async () => {
    const { pool, add, checked } = fixture();
    const [one, two] = [tx('a', 1), tx('a', 2)];
    await add(one, two);
    await pool.committed(7, [idOf(one)], 0);
    expect(pool.size).toBe(1);
    const before = checked.length;
    expect(await pool.add(one, 0)).toEqual({ kind: 'settled', id: idOf(one), height: 7 });
    expect(checked.length).toBe(before);
  });

  it('remembers a bounded number of settled transactions', async () => {
    const { pool, add } = fixture({ rememberSettled: 4 });
    const txs = [tx('a', 1), tx('a', 2), tx('a', 3), tx('a', 4), tx('a', 5)];
    await pool.committed(1, txs.map(idOf), 0);
    expect(await add(...txs.slice(3), ...txs.slice(0, 1))).toEqual(['settled', 'settled', 'accepted']);
  });

  it('does not admit what was settled while it was being checked', async () => {
    const { pool } = fixture();
    const one = tx('a', 1);
    const adding = pool.add(one, 0);
    const committing = pool.committed(3, [idOf(one)], 0);
    expect((await adding).kind).toBe('settled');
    await committing;
    expect(pool.size).toBe(0);
  });

  it('checks the concerned senders again and drops what no longer holds', async () => {
    const { pool, add, broke, drops, checked } = fixture();
    const [a1, a2, b1] = [tx('a', 1), tx('a', 2), tx('b', 1)];
    await add(a1, a2, b1);
    broke.add('a');
    await pool.committed(1, [idOf(a1)], 0);
    expect(drops.get(idOf(a2))).toEqual({ kind: 'rejected', reason: 'a cannot pay' });
    expect(pool.has(idOf(b1))).toBe(true);
    expect(checked.filter(({ recheck }) => recheck)[0]).toMatchObject({ sender: 'a', nonce: 2n });
  });

  it('bounds the checks after one block and goes on with the others after the next', async () => {
    const { pool, add, checked, broke, drops } = fixture({ recheckPerBlock: 10 });
    await add(...Array.from({ length: 30 }, (_, i) => tx(`s${i}`, 1)));
    for (let i = 0; i < 30; i++) broke.add(`s${i}`);
    for (const height of [1, 2, 3]) {
      await pool.committed(height, [], 0);
      expect(checked.filter(({ recheck }) => recheck)).toHaveLength(10 * height);
    }
    expect(drops.size).toBe(30);
  });

  it('checks everybody again in time, whatever one sender has waiting', async () => {
    const { pool, add, checked, next } = fixture({ recheckPerBlock: 20, maxPerSender: 100 });
    const dead = tx('dead', 1);
    await add(dead, tx('victim', 2), ...Array.from({ length: 60 }, (_, i) => tx('mallory', 41 + i)));
    next.set('victim', 2n).set('dead', 2n);
    for (let height = 1; height <= 40; height++) {
      const one = tx('mallory', height);
      await add(one);
      next.set('mallory', BigInt(height + 1));
      const before = checked.length;
      await pool.committed(height, [idOf(one)], 0);
      expect(checked.length - before).toBeLessThanOrEqual(20);
    }
    expect(checked.filter(({ sender, recheck }) => recheck && sender === 'dead').length).toBeGreaterThan(0);
    expect(pool.candidates(1 << 20).map(idOf)).toContain(idOf(tx('victim', 2)));
  });

  it('lets blocks that come faster than their checks share one', async () => {
    const { pool, add, checked } = fixture();
    await add(...Array.from({ length: 30 }, (_, i) => tx(`s${i}`, 5)));
    await Promise.all(Array.from({ length: 200 }, (_, i) => pool.committed(1 + i, [], 0)));
    expect(checked.filter(({ recheck }) => recheck).length).toBeLessThanOrEqual(60);
  });

  it('expires by height and by age', async () => {
    const { pool, add, drops } = fixture({ maxAge: 1000 });
    const [soon, later, never] = [tx('a', 1, 1, { expiry: 3 }), tx('b', 1, 1, { expiry: 4 }), tx('c', 1)];
    await add(soon, later, never);
    await pool.committed(2, [], 0);
    expect(drops.size).toBe(0);
    await pool.committed(3, [], 0);
    expect(drops.get(idOf(soon))).toEqual({ kind: 'expired', reason: 'not included up to height 3' });
    await pool.committed(9, [], 0);
    expect(drops.get(idOf(later))?.kind).toBe('expired');
    await pool.committed(10, [], 1001);
    expect(drops.get(idOf(never))).toEqual({ kind: 'expired', reason: 'not included within 1000 ms' });
    expect([pool.size, pool.bytes]).toEqual([0, 0]);
  });
});
