import { stateProofFault } from '@quorate/crypto';
import { describe, expect, it } from 'vitest';
import {
  addresses,
  at,
  genesis,
  hash,
  keyOf,
  LedgerChain,
  openLedger,
  transfer,
} from '../../../test/conformance/ledger-chain.ts';
import { MemoryStore } from '../../../test/conformance/memory-store.mjs';
import { addressOf } from './address.ts';
import { utf8 } from './ledger.fixture.ts';
import { accountKey } from './state.ts';

describe('queries', () => {
  it('answer with proofs under the committed roots, and say when there is nothing', async () => {
    const chain = await LedgerChain.begin();
    await chain.add([transfer(0, 1, 5n, { nonce: 0 })]);
    await chain.add([transfer(0, 1, 5n, { nonce: 1 })]);
    for (const [address, height] of [
      [at(addresses, 1), 0],
      [at(addresses, 1), 1],
      [addressOf(hash, keyOf(99).publicKey), 0],
    ] as const) {
      const result = await chain.ledger.query({ path: 'account', data: address, height, prove: true });
      expect(result).toMatchObject({ code: 0, height: height === 0 ? 2 : height });
      const root = at(chain.executions, result.height - 1).stateRoot;
      const value = result.value.length === 0 ? null : result.value;
      expect(stateProofFault({ root, key: accountKey(address), value, proof: result.proof }, hash)).toBeNull();
    }
    expect(await chain.ledger.query({ path: 'nowhere', data: utf8.encode(''), height: 0, prove: false })).toMatchObject(
      { code: 1 },
    );
    expect(
      await chain.ledger.query({ path: 'account', data: utf8.encode('x'), height: 0, prove: false }),
    ).toMatchObject({ code: 1 });
    expect(await chain.ledger.query({ path: 'supply', data: new Uint8Array(), height: 3, prove: false })).toMatchObject(
      { code: 2 },
    );
  });
});

describe('candidates', () => {
  it('are bounded: rivals go first, and a line that is too long is refused', async () => {
    const ledger = await openLedger(new MemoryStore(), { maxCandidates: 4 });
    await ledger.initChain(genesis);
    const chain = new LedgerChain(ledger);
    const rival = chain.block([]);
    await ledger.finalizeBlock(rival);
    const line = [chain.block([])];
    await ledger.finalizeBlock(at(line, 0));
    for (let height = 2; height <= 4; height++) {
      const block = chain.block([], { height, parent: at(line, -1).block });
      await ledger.finalizeBlock(block);
      line.push(block);
    }
    await expect(ledger.commit(rival.block)).rejects.toMatchObject({ code: 'application/failed' });
    const fifth = chain.block([], { height: 5, parent: at(line, -1).block });
    await expect(ledger.finalizeBlock(fifth)).rejects.toMatchObject({ code: 'application/failed' });
    for (const { block } of line) await ledger.commit(block);
    await ledger.finalizeBlock(fifth);
  });

  it('do not survive the wrong genesis', async () => {
    const store = new MemoryStore();
    await (await openLedger(store)).initChain(genesis);
    const ledger = await openLedger(store);
    await expect(ledger.initChain({ ...genesis, digest: '22'.repeat(32) })).rejects.toMatchObject({
      code: 'genesis/mismatch',
    });
  });
});

describe('blocks that change nothing', () => {
  it('wait for the next one that does: a crash loses only what executing them again gives back', async () => {
    const store = new MemoryStore();
    const chain = await LedgerChain.begin(store);
    await chain.add([transfer(0, 1, 5n, { nonce: 0 })]);
    const durable = await chain.ledger.info();
    for (let i = 0; i < 3; i++) await chain.add([]);
    const { ledger } = chain;
    expect((await ledger.info()).height).toBe(4);
    expect(await ledger.commit(at(chain.blocks, 3).block)).toEqual({ retainHeight: 1 });
    expect((await ledger.query({ path: 'supply', data: new Uint8Array(), height: 3, prove: true })).code).toBe(0);

    const crashed = await openLedger(store);
    expect(await crashed.info()).toEqual(durable);
    for (const block of chain.blocks.slice(1)) {
      await crashed.finalizeBlock(block);
      await crashed.commit(block.block);
    }
    expect(await crashed.info()).toEqual(await ledger.info());

    await chain.add([transfer(0, 1, 5n, { nonce: 1 })]);
    const reopened = await openLedger(store);
    expect(await reopened.info()).toEqual(await ledger.info());
    const asked = { path: 'supply', data: new Uint8Array(), prove: true };
    for (let height = 1; height <= 5; height++)
      expect(await reopened.query({ ...asked, height })).toEqual(await ledger.query({ ...asked, height }));
  });

  it('are written at the latest after 32 of their kind, and when the ledger is closed', async () => {
    const store = new MemoryStore();
    const chain = await LedgerChain.begin(store, { checkpointInterval: 100 });
    for (let i = 0; i < 34; i++) await chain.add([]);
    expect((await (await openLedger(store)).info()).height).toBe(33);
    await chain.ledger.close();
    expect((await (await openLedger(store)).info()).height).toBe(34);
  });
});
