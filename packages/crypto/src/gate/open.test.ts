import { describe, expect, it } from 'vitest';
import { CHAIN, freshDisk, open, otherSecret, secret, signs, statement, TestDisk } from './gate.fixture.ts';
import { initialiseGate, openGate } from './open.ts';

describe('a gate without a record', () => {
  it('observes until an epoch boundary that it saw live, through restarts', async () => {
    const disk = new TestDisk();
    let gate = await open(disk);
    expect(gate.status).toMatchObject({ kind: 'observer', silentThrough: null });
    expect(await signs(gate, statement('notarize', 9, 1))).toEqual(['refused']);
    await gate.enterEpoch(3, { live: false });
    gate = await open(disk);
    expect(gate.status).toMatchObject({ kind: 'observer', silentThrough: 3 });
    await gate.enterEpoch(3, { live: true });
    expect(await signs(gate, statement('notarize', 3, 1), statement('notarize', 4, 1))).toEqual(['refused', 'refused']);
    await gate.enterEpoch(4, { live: false }); // caught up from history: it may have voted in 4 before its record was lost
    expect(await signs(gate, statement('notarize', 4, 1))).toEqual(['refused']);
    await gate.enterEpoch(5, { live: true });
    expect(gate.status).toEqual({ kind: 'ready' });
    expect(await signs(gate, statement('notarize', 4, 1), statement('notarize', 5, 1))).toEqual(['refused', 'signed']);
    gate = await open(disk);
    expect(gate.status).toEqual({ kind: 'ready' });
    expect(await signs(gate, statement('notarize', 4, 2), statement('notarize', 5, 2))).toEqual(['refused', 'signed']);
    expect(gate.neverSigned).toBe(false);
  });

  it('needs to have been somewhere before a boundary means anything', async () => {
    const gate = await open(new TestDisk());
    await gate.enterEpoch(7, { live: true });
    expect(gate.status).toMatchObject({ kind: 'observer', silentThrough: 7 });
  });

  it('treats a record of another key as none, and leaves that record alone', async () => {
    const disk = await freshDisk();
    const first = await open(disk);
    await first.sign([statement('notarize', 0, 1)]);
    const second = await open(disk, { secret: otherSecret });
    expect(second.status.kind).toBe('observer');
    expect((await open(disk)).issued(statement('notarize', 0, 1))).toBe(true);
  });

  it('votes at once when the key is new, or when an operator vouches for it, which is logged', async () => {
    const lines: string[] = [];
    const log = (level: string, message: string): void => {
      lines.push(`${level}: ${message}`);
    };
    const genesis = await openGate({ chainId: CHAIN, secret, allowFresh: 'genesis' }, { disk: new TestDisk(), log });
    expect(genesis.neverSigned).toBe(true);
    expect(await signs(genesis, statement('notarize', 0, 1))).toEqual(['signed']);
    expect(genesis.neverSigned).toBe(false);
    const disk = new TestDisk();
    await (await open(disk)).enterEpoch(2, { live: false });
    const vouched = await openGate({ chainId: CHAIN, secret, allowFresh: 'operator' }, { disk, log });
    expect(await signs(vouched, statement('notarize', 2, 1))).toEqual(['signed']);
    expect((await open(disk)).status.kind).toBe('ready');
    expect(lines.some((line) => line.startsWith('warn: an operator vouches'))).toBe(true);
  });

  it('is initialised once', async () => {
    const disk = await freshDisk();
    await expect(initialiseGate({ chainId: CHAIN, secret }, { disk })).rejects.toMatchObject({ code: 'gate/conflict' });
    expect((await open(disk)).status.kind).toBe('ready');
  });
});
