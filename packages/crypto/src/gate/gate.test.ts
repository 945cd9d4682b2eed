import { signedBytes } from '@quorate/kernel';
import { describe, expect, it } from 'vitest';
import { createEd25519Suite } from '../ed25519.ts';
import { A, B, CHAIN, freshDisk, open, signs, statement, TestDisk } from './gate.fixture.ts';
import { openGate } from './open.ts';

describe('the rule of the signing gate', () => {
  it('signs with the key over the chain, epoch and kind', async () => {
    const suite = createEd25519Suite();
    const key = suite.secretFromSeed(new Uint8Array(32).fill(1));
    const disk = new TestDisk();
    const gate = await openGate({ chainId: CHAIN, secret: key, allowFresh: 'genesis' }, { disk });
    const vote = statement('notarize', 0, 1);
    const [outcome] = await gate.sign([vote]);
    if (outcome?.kind !== 'signed') throw new Error('refused');
    const message = signedBytes(CHAIN, vote);
    expect(suite.verify({ publicKey: key.publicKey, message, signature: outcome.signature })).toBe(true);
  });

  it('refuses a second digest of a kind, and returns the stored signature for the same statement', async () => {
    const gate = await open(await freshDisk());
    const [first] = await gate.sign([statement('notarize', 0, 3, A)]);
    expect(await signs(gate, statement('notarize', 0, 3, B))).toEqual(['refused']);
    expect(await gate.sign([statement('notarize', 0, 3, A)])).toEqual([first]);
    expect(await signs(gate, statement('finalize', 0, 3, A), statement('finalize', 0, 3, B))).toEqual([
      'signed',
      'refused',
    ]);
  });

  it('refuses nullify after finalize and finalize after nullify, also within one batch', async () => {
    const gate = await open(await freshDisk());
    expect(await signs(gate, statement('finalize', 0, 1), statement('nullify', 0, 1))).toEqual(['signed', 'refused']);
    expect(await signs(gate, statement('nullify', 0, 2), statement('finalize', 0, 2))).toEqual(['signed', 'refused']);
    expect(await signs(gate, statement('nullify', 0, 1))).toEqual(['refused']);
    expect(await signs(gate, statement('finalize', 0, 2))).toEqual(['refused']);
  });

  it('allows nullify with notarize, and finalize of a view after a later notarize', async () => {
    const gate = await open(await freshDisk());
    expect(await signs(gate, statement('notarize', 0, 1), statement('nullify', 0, 1))).toEqual(['signed', 'signed']);
    expect(await signs(gate, statement('notarize', 0, 3))).toEqual(['signed']);
    expect(await signs(gate, statement('finalize', 0, 2))).toEqual(['signed']);
  });

  it('refuses views at or below the floor, of that epoch only, and view 0', async () => {
    const disk = await freshDisk();
    const gate = await open(disk);
    expect(await signs(gate, statement('nullify', 0, 0))).toEqual(['refused']);
    await gate.raiseFloor(0, 5);
    expect(await signs(gate, statement('nullify', 0, 5), statement('nullify', 0, 6))).toEqual(['refused', 'signed']);
    expect(await signs(gate, statement('nullify', 1, 5))).toEqual(['signed']);
    await gate.raiseFloor(0, 2);
    expect(await signs(gate, statement('nullify', 0, 4))).toEqual(['refused']);
    const again = await open(disk);
    expect(await signs(again, statement('notarize', 0, 5))).toEqual(['refused']);
  });

  it('refuses epochs older than the one before the newest', async () => {
    const disk = await freshDisk();
    const gate = await open(disk);
    await gate.sign([statement('notarize', 0, 1), statement('notarize', 2, 1)]);
    expect(await signs(gate, statement('notarize', 0, 1), statement('notarize', 1, 1))).toEqual(['refused', 'signed']);
    expect(await signs(await open(disk), statement('nullify', 0, 9))).toEqual(['refused']);
  });

  it('knows what it issued, and does not accuse what it has forgotten', async () => {
    const gate = await open(await freshDisk());
    await gate.sign([statement('notarize', 1, 7)]);
    expect(gate.issued(statement('notarize', 1, 7))).toBe(true);
    expect(gate.issued(statement('notarize', 1, 7, B))).toBe(false);
    expect(gate.issued(statement('nullify', 1, 7))).toBe(false);
    expect(gate.issued(statement('notarize', 1, 8))).toBe(false);
    await gate.raiseFloor(1, 8);
    expect(gate.issued(statement('notarize', 1, 8))).toBe(true);
  });
});

describe('what was signed', () => {
  it('is told above the floor of each epoch, also after a restart', async () => {
    const disk = await freshDisk();
    const gate = await open(disk);
    const above = [statement('notarize', 3, 5), statement('finalize', 3, 5), statement('nullify', 3, 6)];
    await gate.sign([statement('nullify', 2, 9), statement('notarize', 3, 4)]);
    await gate.raiseFloor(3, 4);
    await gate.sign([...above].reverse());
    for (const one of [gate, await open(disk)]) {
      expect(one.signed(3)).toEqual({ floor: 4, statements: above });
      expect(one.signed(2)).toEqual({ floor: 0, statements: [statement('nullify', 2, 9)] });
      expect(one.signed(4)).toEqual({ floor: 0, statements: [] });
      expect(one.signed(1)).toEqual({ floor: Number.MAX_SAFE_INTEGER, statements: [] });
    }
  });
});
