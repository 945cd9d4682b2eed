import type { QuorateError } from '@quorate/kernel';
import { simulatedSuite } from '@quorate/sim';
import { expect, test } from 'vitest';
import { BlockStore } from './block-store.ts';
import { ChainFixture, ListApplication, MemoryDisk, sha256 } from './chain.fixture.ts';
import { examineHome, openRecords } from './examine.ts';
import { createExecutor } from './executor.ts';

const suite = simulatedSuite();

/** A home whose node executed a chain of four blocks, with another state after height `wrongAt`; what stopped it. */
async function ran(wrongAt: number | null) {
  const chain = new ChainFixture(suite);
  chain.grow(4);
  const disk = new MemoryDisk();
  const application = new ListApplication(chain.updates);
  application.wrongAt = wrongAt;
  const { store, halts, executor } = await started(chain, disk, application);
  for (const { block, body } of chain.made) await store.put(block, body);
  await store.finalize(chain.made.map(({ entry }) => entry));
  executor.advance();
  await executor.settled();
  return { chain, application, halts, memory: disk, disk: disk.port(), computed: store.execution(2)?.stateRoot ?? '' };
}

async function started(chain: ChainFixture, disk: MemoryDisk, application: ListApplication) {
  const store = await BlockStore.open({ genesis: chain.genesis }, { disk: disk.port(), hash: sha256 });
  const halts: QuorateError[] = [];
  const executor = await createExecutor(
    { genesis: chain.genesis, retainBlocks: 0, snapshotInterval: 0, keepSnapshots: 2 },
    {
      application,
      store,
      hash: sha256,
      log: () => {},
      proposerOf: chain.proposerOf,
      executed: () => {},
      halted: (error) => halts.push(error),
    },
  );
  return { store, halts, executor };
}

test('a node with a state that nobody certified keeps it, executes nothing on it, and its one line says what to do', async () => {
  const { chain, application, halts, computed } = await ran(2);
  expect(halts.map(({ code }) => code)).toEqual(['application/diverged']);
  expect(application.calls.filter((call) => call.startsWith('commit'))).toEqual(['commit 1', 'commit 2']);
  expect(application.calls).not.toContain('finalize 3');
  const [{ message } = { message: '' }] = halts;
  expect(message).toContain(`after height 2 this node computed state root ${computed}`);
  expect(message).toContain(`block ${chain.at(3).block.ref.digest} certifies ${chain.stateRoot(2)}`);
  expect(message).toContain('quorate doctor --home THIS --against COPY');
  expect(message).not.toContain('\n');
});

test('started again it stops again, for the same reason', async () => {
  const { chain, application, memory, halts, computed } = await ran(2);
  const info = await application.info();
  application.info = () => Promise.resolve({ ...info, stateRoot: computed }); // as one that really has that state
  const again = await started(chain, memory, application);
  again.executor.advance();
  await again.executor.settled();
  expect(again.halts.map(({ message }) => message)).toEqual(halts.map(({ message }) => message));
  expect(application.calls).not.toContain('finalize 3');
});

test('its records say where it stopped, and which root is certified', async () => {
  const { chain, disk, halts, computed } = await ran(2);
  const found = await examineHome({ genesis: chain.genesis }, { disk, hash: sha256 });
  const execution = found.find(({ name }) => name === 'execution')?.detail;
  expect(execution).toEqual(new Error(halts[0]?.message));
  const records = await openRecords({ genesis: chain.genesis }, { disk, hash: sha256 });
  expect(records.executedHeight).toBe(2);
  expect(records.divergence).toMatchObject({ height: 2, computedStateRoot: computed });
  expect(records.stateRoot(2)).toBe(computed);
  expect(records.certifiedRoot(2)).toBe(chain.stateRoot(2));
  expect([records.certifiedRoot(4), records.stateRoot(3)]).toEqual([null, null]);
  const bodies = [...records.bodies(3)];
  expect(bodies).toEqual([3, 2, 1].map((height) => chain.at(height).body));
});

test('a sound home has no divergence on record', async () => {
  const { chain, disk, halts } = await ran(null);
  expect(halts).toEqual([]);
  const records = await openRecords({ genesis: chain.genesis }, { disk, hash: sha256 });
  expect(records.divergence).toBeNull();
  expect([records.stateRoot(3), records.certifiedRoot(3)]).toEqual([chain.stateRoot(3), chain.stateRoot(3)]);
});
