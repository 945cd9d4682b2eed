import type { Receipt } from '@quorate/kernel';
import { describe, expect, it } from 'vitest';
import type { SettledStatus } from './api.ts';
import { Transactions, type TransactionsOptions } from './transactions.ts';

const receipt: Receipt = { code: 0, log: '', events: [], data: new Uint8Array() };
type Found = { height: number; index: number; receipt: Receipt };

function fixture(options: TransactionsOptions = {}): { all: Transactions; index: Map<string, Found> } {
  const index = new Map<string, Found>();
  return { all: new Transactions(options, { find: (id) => index.get(id) ?? null }), index };
}

describe('transactions', () => {
  it('go from pending to final, and are found in the index afterwards', async () => {
    const { all, index } = fixture();
    all.accepted('a', 5);
    expect(all.status('a')).toEqual({ kind: 'pending', since: 5 });
    const settled = all.settled('a');
    index.set('a', { height: 3, index: 0, receipt });
    all.executed(3, ['a', 'unknown'], [receipt, receipt]);
    const final: SettledStatus = { kind: 'final', height: 3, index: 0, receipt };
    expect(await settled).toEqual(final);
    expect(all.status('a')).toEqual(final);
    expect(await all.settled('a')).toEqual(final);
    expect(all.pending).toBe(0);
  });

  it.each([
    ['expired', 'expired'],
    ['evicted', 'rejected'],
    ['replaced', 'rejected'],
    ['rejected', 'rejected'],
  ] as const)('end with the reason when the mempool lets them go: %s', async (kind, status) => {
    const { all } = fixture();
    all.accepted('a', 0);
    const settled = all.settled('a');
    all.dropped('a', { kind, reason: 'because' });
    expect(await settled).toEqual({ kind: status, reason: 'because' });
    expect(all.status('a')).toEqual({ kind: status, reason: 'because' });
  });

  it('remember why one was refused, but never let a refusal hide what is pending or final', () => {
    const { all, index } = fixture();
    all.refused('a', 'no funds');
    expect(all.status('a')).toEqual({ kind: 'rejected', reason: 'no funds' });
    all.accepted('b', 0);
    all.refused('b', 'a duplicate');
    expect(all.status('b').kind).toBe('pending');
    index.set('c', { height: 1, index: 2, receipt });
    all.refused('c', 'a replay');
    expect(all.status('c').kind).toBe('final');
  });

  it('can be submitted again after a rejection', () => {
    const { all } = fixture();
    all.refused('a', 'no funds');
    all.accepted('a', 9);
    expect(all.status('a')).toEqual({ kind: 'pending', since: 9 });
  });

  it('are final even when this node had given them up', () => {
    const { all, index } = fixture();
    all.accepted('a', 0);
    all.dropped('a', { kind: 'evicted', reason: 'full' });
    index.set('a', { height: 2, index: 0, receipt });
    all.executed(2, ['a'], [receipt]);
    expect(all.status('a').kind).toBe('final');
  });

  it('of which nothing is known say so', async () => {
    const { all } = fixture();
    expect(all.status('a')).toEqual({ kind: 'unknown' });
    await expect(all.settled('a')).rejects.toMatchObject({ code: 'rpc/failed' });
  });

  it('bound the waiters and the memory of endings', async () => {
    const { all } = fixture({ maxWaiters: 2, maxEnded: 4 });
    all.accepted('a', 0);
    const waiting = [all.settled('a'), all.settled('a')];
    await expect(all.settled('a')).rejects.toMatchObject({ code: 'rpc/unavailable' });
    all.dropped('a', { kind: 'rejected', reason: 'x' });
    await Promise.all(waiting);
    all.accepted('b', 0);
    const again = all.settled('b');
    all.dropped('b', { kind: 'rejected', reason: 'x' });
    await again;
    for (const id of ['c', 'd', 'e']) all.refused(id, 'x');
    expect(['e', 'd', 'a'].map((id) => all.status(id).kind)).toEqual(['rejected', 'rejected', 'unknown']);
  });

  it('tell whoever waits that the node stops', async () => {
    const { all } = fixture();
    all.accepted('a', 0);
    const settled = all.settled('a');
    all.stop();
    await expect(settled).rejects.toMatchObject({ code: 'rpc/unavailable' });
    await expect(all.settled('a')).rejects.toMatchObject({ code: 'rpc/unavailable' });
  });
});
