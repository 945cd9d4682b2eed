import type { Store } from '@quorate/kernel';
import { expect, it } from 'vitest';
import { LedgerChain } from '../../../test/conformance/ledger-chain.ts';
import { MemoryStore } from '../../../test/conformance/memory-store.mjs';

it('closes its store though what waits cannot be written', async () => {
  const memory = new MemoryStore();
  let isBroken = false;
  let closed = 0;
  const store: Store = {
    get: (key) => memory.get(key),
    range: (options) => memory.range(options),
    write: (batch) => (isBroken ? Promise.reject(new Error('the disk is gone')) : memory.write(batch)),
    close: () => {
      closed++;
      return memory.close();
    },
  };
  const chain = await LedgerChain.begin(store, { checkpointInterval: 100 });
  for (let i = 0; i < 3; i++) await chain.add([]);
  isBroken = true;
  await expect(chain.ledger.close()).rejects.toThrow('the disk is gone');
  expect(closed).toBe(1);
});
