import { conformance } from '@quorate/kernel';
import { describe, expect, it } from 'vitest';
import { at, hash, LedgerChain, openLedger, transfer } from '../../../test/conformance/ledger-chain.ts';
import { MemoryStore } from '../../../test/conformance/memory-store.mjs';
import { infoCodec, metadataCodec } from './snapshots.ts';

describe('snapshots', () => {
  it('are the same bytes on every node, and the last `keep` stay', async () => {
    const [a, b] = [await LedgerChain.begin(), await LedgerChain.begin(new MemoryStore(), { checkpointInterval: 1 })];
    for (let i = 0; i < 3; i++) {
      for (const chain of [a, b]) {
        await chain.ledger.finalizeBlock(chain.block([]));
        await chain.add([transfer(0, 1, 5n, { nonce: i })]);
        await chain.ledger.snapshots.take(2);
      }
    }
    const infos = await a.ledger.snapshots.list();
    expect(infos.map(({ height }) => height)).toEqual([2, 3]);
    expect(await b.ledger.snapshots.list()).toEqual(infos);
    expect(await a.ledger.snapshots.load(1, 1, 0)).toBeNull();
    await a.ledger.snapshots.take(0);
    expect(await a.ledger.snapshots.list()).toEqual([]);
  });

  it('refuse what does not lead to the proven root, and leave the state as it was', async () => {
    const source = await LedgerChain.begin();
    await source.add([transfer(0, 1, 5n, { nonce: 0 })]);
    await source.ledger.snapshots.take(1);
    const info = at(await source.ledger.snapshots.list(), 0);
    const bytes = (await source.ledger.snapshots.load(1, 1, 0)) ?? new Uint8Array();
    const store = new MemoryStore();
    const joining = await LedgerChain.begin(store);
    const before = await joining.ledger.info();
    const { snapshots } = joining.ledger;
    const block = source.head;
    const entries = store.size;
    expect(await snapshots.offer({ ...info, digest: '00'.repeat(32) }, { stateRoot: source.root, block })).toBe(
      'reject',
    );
    expect(await snapshots.offer({ ...info, format: 2 }, { stateRoot: source.root, block })).toBe('reject');
    expect(await snapshots.offer(info, { stateRoot: '77'.repeat(32), block })).toBe('accept');
    expect(await snapshots.apply(0, bytes)).toBe('bad');
    expect(await joining.ledger.info()).toEqual(before);
    const reopened = await openLedger(store);
    expect(await reopened.info()).toEqual(before);
    expect(store.size).toBe(entries);
    await joining.add([transfer(0, 1, 5n, { nonce: 0 })]);
    expect(joining.root).toBe(source.root);
    expect(await snapshots.offer(info, { stateRoot: source.root, block })).toBe('reject');
  });

  it('keep their form: a change here is a change of what nodes send each other and store', () => {
    const codecs = { metadataCodec, infoCodec };
    expect(
      Object.fromEntries(
        Object.entries(codecs).map(([name, codec]) => [name, conformance<never>(codec as never, hash)]),
      ),
    ).toMatchInlineSnapshot(`
      {
        "infoCodec": "d530c70321c8599db2df64147b4de62f434c0275a29a40c55a742292b336f54d",
        "metadataCodec": "36f84f028e7d6e23b71a08546107b508a3c191388d8d86987b0ab886703ad5b2",
      }
    `);
  });
});
