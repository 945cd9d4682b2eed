import { sha256 } from '@quorate/crypto';
import { toHex } from '@quorate/kernel';
import type { SettledStatus } from '@quorate/replica';
import { describe, expect, it } from 'vitest';
import { usedNonce } from '../register.ts';
import { blockOn, checkedSuite, genesis, receipt, transaction } from './chain.fixture.ts';
import { Checkers } from './checkers.ts';

const TX = transaction('alice', 1);
const ID = toHex(sha256(TX));
const FIRST = blockOn(null, [TX]);
const MEMORY = { mempoolBytes: 1000, mempoolTransactions: 10, samples: 5, counters: 3 };

/** Checkers that saw the block with the only transaction, which one member gave out and committed. */
function checkers(expiry: number | null = null): Checkers {
  const made = new Checkers();
  made.watchChain({ genesis, suite: checkedSuite, offeredOnly: true, memory: MEMORY });
  made.offer(ID, { sender: 'alice', nonce: 1, expiry });
  made.observe('n0', FIRST);
  made.committed('n0', 1, 'aa');
  return made;
}

function saidOf(all: Checkers): readonly string[] {
  all.checkTold();
  return all.violations;
}

const final = (height: number): SettledStatus => ({ kind: 'final', height, index: 0, receipt: receipt(0) });

describe('what clients read', () => {
  it('is never older than what the same node has shown in the same life', () => {
    const all = checkers();
    all.restarted('n1', 1);
    expect(all.shownBy('n1')).toBe(0);
    all.settled('n1', ID, final(1));
    expect(all.shownBy('n1')).toBe(1);
    all.read('n1', 'alice', 0, '', 0); // asked before it was told
    expect(saidOf(all)).toEqual([]);
    all.read('n1', 'alice', 0, '', all.shownBy('n1'));
    expect(saidOf(all)).toEqual([expect.stringMatching(/^stale read: n1 reads alice at height 0 .* height 1$/)]);
    all.restarted('n1', 1);
    expect(all.shownBy('n1')).toBe(0);
  });

  it('reads that follow one another do not go back', () => {
    const all = checkers();
    all.read('n1', 'alice', 1, 'alice 1', all.shownBy('n1'));
    all.read('n1', 'alice', 0, '', all.shownBy('n1'));
    expect(saidOf(all)).toEqual([expect.stringMatching(/^stale read/)]);
  });

  it('may be committed and not given out, but not invented', () => {
    const all = checkers();
    all.committed('n2', 2, 'bb');
    all.read('n2', 'alice', 2, 'whatever');
    expect(saidOf(all)).toEqual([]);
    all.read('n2', 'alice', 3, 'whatever');
    all.settled('n2', 'ee', final(4));
    expect(saidOf(all)).toEqual([
      expect.stringMatching(/^linearizability: n2 calls ee final at height 4, which nobody ever committed/),
      expect.stringMatching(/^linearizability: n2 reads alice at height 3, which nobody ever committed/),
    ]);
  });
});

describe('refusals', () => {
  it('promise nothing about what others include', () => {
    const all = checkers();
    all.settled('n0', ID, { kind: 'rejected', reason: 'the mempool was full' });
    all.settled('n0', ID, { kind: 'rejected', reason: usedNonce(1) });
    expect(saidOf(all)).toEqual([]);
  });

  it('what is called expired never takes effect, unless a clock jumped', () => {
    const all = checkers(1);
    all.settled('n0', ID, { kind: 'expired', reason: 'not included within 3600000 ms' });
    expect(saidOf(all)).toEqual([]);
    all.settled('n0', ID, { kind: 'expired', reason: 'not included up to height 1' });
    expect(saidOf(all)).toEqual([expect.stringMatching(/^linearizability: n0 calls .* expired .* at height 1$/)]);
  });

  it('a nonce that is called used was used', () => {
    const all = checkers();
    const other = toHex(sha256(transaction('alice', 2)));
    all.offer(other, { sender: 'alice', nonce: 2, expiry: null });
    all.settled('n0', other, { kind: 'rejected', reason: usedNonce(2) });
    expect(saidOf(all)).toEqual([expect.stringMatching(/says that nonce 2 of alice was used: the log uses 1$/)]);
  });
});

describe('what a member lost', () => {
  const key = Uint8Array.of(1);
  const no = { kind: 'nullify', epoch: 0, view: 1 } as const;
  const yes = { kind: 'finalize', epoch: 0, view: 1, block: 'aa' } as const;
  const gate = {
    publicKey: key,
    sign: async (statements: readonly (typeof no | typeof yes)[]) =>
      statements.map((statement) => ({ kind: 'signed', statement, signature: key }) as const),
    raiseFloor: async () => {},
    issued: () => true,
  };

  it('with its journal it keeps to what its gate released, down to the floor of the gate', async () => {
    const all = checkers();
    const signer = all.watch('n0', gate);
    await signer.sign([no]);
    all.forget('n0', { chain: true, journal: true });
    all.asked('n0', yes);
    expect(all.violations).toEqual([expect.stringMatching(/^equivocation: n0 asks for/)]);
    const later = checkers();
    const again = later.watch('n0', gate);
    await again.sign([no]);
    await again.raiseFloor(0, 1);
    later.forget('n0', { chain: true, journal: true });
    later.asked('n0', yes);
    expect(later.violations).toEqual([]);
  });

  it('its chain is expected back when only its journal is gone, and the other way round', () => {
    const all = checkers();
    all.forget('n0', { chain: false, journal: true });
    all.restarted('n0', 0);
    expect(all.violations).toEqual([expect.stringMatching(/^durability: n0 gave out height 1/)]);
    const other = checkers();
    other.asked('n0', no);
    other.forget('n0', { chain: true, journal: false });
    other.restarted('n0', 0);
    expect(other.violations).toEqual([]);
    other.asked('n0', yes);
    expect(other.violations).toEqual([expect.stringMatching(/^equivocation/)]);
  });
});
