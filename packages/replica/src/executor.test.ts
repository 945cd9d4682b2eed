import { type Height, type QuorateError, toHex } from '@quorate/kernel';
import { simulatedSuite } from '@quorate/sim';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BlockStore } from './block-store.ts';
import { ChainFixture, Fate, ListApplication, type Made, MemoryDisk, sha256, tx } from './chain.fixture.ts';
import type { ExecutedBlock } from './execution-outcomes.ts';
import { createExecutor, type Executor, type ExecutorOptions } from './executor.ts';

const suite = simulatedSuite();

interface Node {
  readonly store: BlockStore;
  readonly application: ListApplication;
  readonly executor: Executor;
  readonly executed: ExecutedBlock[];
  readonly halts: QuorateError[];
  /** Heights whose evidence was to be remembered, and where the application stood at that moment. */
  readonly remembered: { readonly height: Height; readonly after: Height }[];
}

interface Home {
  readonly disk: MemoryDisk;
  readonly state: ListApplication['disk'];
}

const home = (): Home => ({ disk: new MemoryDisk(), state: { state: null, snapshots: new Map() } });

async function boot(
  chain: ChainFixture,
  { disk, state }: Home,
  options: Partial<ExecutorOptions> & { fate?: Fate; speculative?: boolean; wrongAt?: number } = {},
): Promise<Node> {
  const fate = options.fate ?? new Fate();
  const application = new ListApplication(chain.updates, {
    disk: state,
    fate,
    speculative: options.speculative ?? true,
  });
  application.wrongAt = options.wrongAt ?? null;
  const store = await BlockStore.open({ genesis: chain.genesis }, { disk: disk.port(fate), hash: sha256 });
  const executed: ExecutedBlock[] = [];
  const halts: QuorateError[] = [];
  const remembered: Node['remembered'] = [];
  const executor = await createExecutor(
    { genesis: chain.genesis, retainBlocks: 0, snapshotInterval: 0, keepSnapshots: 2, ...options },
    {
      application,
      store,
      hash: sha256,
      log: () => {},
      proposerOf: chain.proposerOf,
      including: async (height) => {
        remembered.push({ height, after: (await application.info()).height });
      },
      executed: (done) => executed.push(done),
      halted: (error) => halts.push(error),
    },
  );
  return { store, application, executor, executed, halts, remembered };
}

async function finalize(node: Node, made: readonly Made[]): Promise<void> {
  for (const { block, body } of made) await node.store.put(block, body);
  await node.store.finalize(made.map(({ entry }) => entry));
  node.executor.advance();
  await node.executor.settled();
}

describe('finalized blocks', () => {
  test('are executed in order, recorded with receipts and transactions, and committed', async () => {
    const chain = new ChainFixture(suite);
    chain.grow(12);
    const node = await boot(chain, home());
    await finalize(node, chain.made);
    expect(node.halts).toEqual([]);
    expect(node.executed.map(({ block }) => block.header.height)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    // Before each commit: a kill between the two leaves no offence that seems unpunished.
    expect(node.remembered).toEqual(chain.made.map((_, index) => ({ height: index + 1, after: index })));
    expect(node.executor.height).toBe(12);
    expect(node.executor.stateRoot).toBe(chain.stateRoot(12));
    expect(node.executor.lag).toBe(0);
    const id = toHex(sha256(tx('tx 7')));
    expect(node.store.transaction(id)).toEqual({ height: 7, index: 0 });
    expect(node.store.receipts(7)?.transactions).toEqual([id]);
    expect(node.store.receipts(7)?.receipts[0]?.data).toEqual(tx('did tx 7'));
    expect(node.executed[6]?.transactions).toEqual([id]);
  });

  test('a replay after a restart begins behind what the application committed', async () => {
    const chain = new ChainFixture(suite);
    chain.grow(6);
    const place = home();
    const first = await boot(chain, place);
    await finalize(first, chain.made.slice(0, 4));
    for (const { block, body } of chain.made.slice(4)) await first.store.put(block, body);
    await first.store.finalize(chain.made.slice(4).map(({ entry }) => entry));
    const again = await boot(chain, place);
    expect(again.executor.height).toBe(4);
    expect(again.executor.lag).toBe(2);
    again.executor.advance();
    await again.executor.settled();
    expect(again.executed.map(({ block }) => block.header.height)).toEqual([5, 6]);
    expect(again.application.calls).not.toContain('initChain');
    expect(again.executor.stateRoot).toBe(chain.stateRoot(6));
  });

  test('a state root other than the certified one halts, and both are kept for doctor', async () => {
    const chain = new ChainFixture(suite);
    chain.grow(4);
    const node = await boot(chain, home(), { wrongAt: 2 });
    await finalize(node, chain.made);
    expect(node.halts.map(({ code }) => code)).toEqual(['application/diverged']);
    expect(node.executor.height).toBe(2);
    expect(node.store.divergence()).toMatchObject({
      height: 2,
      certifiedBy: chain.at(3).block.ref.digest,
      certifiedStateRoot: chain.stateRoot(2),
    });
  });

  test('an application that throws halts with its words, and nothing of the block is committed', async () => {
    const chain = new ChainFixture(suite);
    chain.grow(1);
    chain.extend(['throw']);
    const node = await boot(chain, home());
    await finalize(node, chain.made);
    expect(node.halts.map(({ code, message }) => [code, message])).toEqual([
      ['application/failed', expect.stringContaining('asked to throw')],
    ]);
    expect(node.executor.height).toBe(1);
    expect(node.store.execution(2)).toBe(null);
  });

  test('an application that gives another result after a restart is caught before it commits', async () => {
    const chain = new ChainFixture(suite);
    chain.grow(2);
    const place = home();
    const fate = new Fate();
    const node = await boot(chain, place, { fate });
    await finalize(node, [chain.at(1)]);
    for (const { block, body } of [chain.at(2)]) await node.store.put(block, body);
    await node.store.finalize([chain.at(2).entry]);
    fate.at = fate.count + 1; // the outcome is recorded, the commit does not happen
    node.executor.advance();
    await node.executor.settled();
    const again = await boot(chain, place, { wrongAt: 2 });
    expect(again.store.execution(2)).not.toBe(null);
    again.executor.advance();
    await again.executor.settled();
    expect(again.halts.map(({ code }) => code)).toEqual(['application/diverged']);
    expect(again.executor.height).toBe(1);
  });

  test('an application that belongs to another chain, or is far behind, is refused', async () => {
    const chain = new ChainFixture(suite);
    chain.grow(3);
    const place = home();
    await finalize(await boot(chain, place), chain.made);
    const { state } = place.state;
    if (state === null) throw new Error('nothing committed');
    place.state.state = { ...state, log: [...state.log, 'damage'] };
    await expect(boot(chain, place)).rejects.toMatchObject({ code: 'application/diverged' });
    await expect(boot(chain, { disk: new MemoryDisk(), state: place.state })).rejects.toMatchObject({
      code: 'application/diverged',
    });
  });

  test('an application ahead of a store that was set back waits for the chain and goes on', async () => {
    const chain = new ChainFixture(suite, { epochLength: 20 });
    chain.grow(9);
    const place = home();
    const backup = new MemoryDisk();
    const first = await boot(chain, place);
    await finalize(first, chain.made.slice(0, 3));
    for (const [name, records] of place.disk.stores) backup.stores.set(name, new Map(records));
    await finalize(first, chain.made.slice(3, 6));
    const node = await boot(chain, { disk: backup, state: place.state });
    expect(node.executor.height).toBe(3);
    await finalize(node, chain.made.slice(3, 6));
    expect(node.executor.height).toBe(5); // nothing certifies the state after 6 yet
    await finalize(node, chain.made.slice(6));
    expect(node.halts).toEqual([]);
    expect(node.executor.height).toBe(9);
    expect(node.executed.map(({ block }) => block.header.height)).toEqual([7, 8, 9]);
    expect(new Set(node.remembered.map(({ height }) => height))).toEqual(new Set([4, 5, 6, 7, 8, 9]));
    expect(node.application.calls.filter((call) => call.startsWith('finalize'))).toEqual([
      'finalize 7',
      'finalize 8',
      'finalize 9',
    ]);
  });

  test('an application ahead on another chain is refused once the chain shows it', async () => {
    const chain = new ChainFixture(suite);
    chain.grow(5);
    const place = home();
    const backup = new MemoryDisk();
    const first = await boot(chain, place);
    await finalize(first, chain.made.slice(0, 2));
    for (const [name, records] of place.disk.stores) backup.stores.set(name, new Map(records));
    await finalize(first, chain.made.slice(2, 4));
    const { state } = place.state;
    if (state === null) throw new Error('nothing committed');
    place.state.state = { ...state, block: 'ee'.repeat(32) };
    const node = await boot(chain, { disk: backup, state: place.state });
    await finalize(node, chain.made.slice(2));
    expect(node.halts.map(({ code }) => code)).toEqual(['application/diverged']);
  });
});

describe('candidates', () => {
  test('a speculative application executes ahead of finality, each block once', async () => {
    const chain = new ChainFixture(suite);
    chain.grow(4);
    const node = await boot(chain, home());
    for (const { block, body } of chain.made) await node.store.put(block, body);
    const outcome = await node.executor.fields(chain.at(3).block, 'full', false);
    expect(outcome).toEqual({
      kind: 'fields',
      fields: {
        executedHeight: 3,
        stateRoot: chain.stateRoot(3),
        receiptsRoot: chain.receiptRoots[3],
        nextValidatorsRoot: null,
      },
    });
    expect(await node.executor.judge(chain.at(4).block, chain.at(3).block)).toEqual({ kind: 'valid' });
    expect(node.executor.height).toBe(0);
    await finalize(node, chain.made);
    expect(node.application.calls.filter((call) => call.startsWith('finalize')).length).toBe(4);
    expect(node.executor.height).toBe(4);
  });

  test('judges roots, what the application says, and what stands in the way', async () => {
    const chain = new ChainFixture(suite);
    chain.grow(2);
    const node = await boot(chain, home());
    await finalize(node, chain.made);
    const parent = chain.tip;
    const judge = async ({ block, body }: { block: Made['block']; body: Made['body'] }, on = parent) => {
      await node.store.put(block, body);
      return node.executor.judge(block, on);
    };
    expect(await judge(chain.propose(['fine']))).toEqual({ kind: 'valid' });
    expect(await judge(chain.propose(['bad']))).toEqual({ kind: 'invalid', reason: 'bad' });
    expect(await judge(chain.propose(['a'], { stateRoot: '77'.repeat(32) }))).toMatchObject({ kind: 'invalid' });
    expect(await judge(chain.propose(['b'], { receiptsRoot: '77'.repeat(32) }))).toMatchObject({ kind: 'invalid' });
    expect(await judge(chain.proposeOn(parent, 1, ['c']))).toMatchObject({ kind: 'invalid' });
    expect(await judge(chain.propose(['d'], { nextValidatorsRoot: '77'.repeat(32) }))).toMatchObject({
      kind: 'invalid',
    });
    expect(await judge(chain.proposeOn(parent, 1, []))).toEqual({ kind: 'valid' }); // empty: copies its parent's fields
    expect(await judge(chain.proposeOn(chain.at(1).block, 1, ['e']), chain.at(1).block)).toEqual({
      kind: 'missing',
      digest: expect.anything(),
    });
    const failing = chain.propose(['throw']);
    await judge(failing);
    const child = chain.proposeOn(failing.block, 2, ['f']);
    expect(
      await judge(
        { ...child, block: { ...child.block, header: { ...child.block.header, executedHeight: 3 } } },
        failing.block,
      ),
    ).toMatchObject({
      kind: 'failed',
      error: { code: 'application/failed' },
    });
    expect(node.halts).toEqual([]);
  });

  test('a branch that finality left behind is a conflict, not a verdict', async () => {
    const chain = new ChainFixture(suite);
    chain.grow(1);
    const node = await boot(chain, home());
    await finalize(node, chain.made);
    const rival = chain.propose(['rival']);
    const child = chain.proposeOn(rival.block, 2, ['child'], { stateRoot: '00'.repeat(32) });
    for (const { block, body } of [rival, child]) await node.store.put(block, body);
    await node.executor.fields(rival.block, 'full', false);
    chain.grow(1);
    await finalize(node, [chain.at(2)]);
    expect(await node.executor.judge(child.block, rival.block)).toEqual({ kind: 'conflict' });
    chain.grow(1);
    await finalize(node, [chain.at(3)]);
    expect(node.executor.stateRoot).toBe(chain.stateRoot(3));
  });

  test('an application that is not speculative sees finalized blocks only; builders wait for the commit', async () => {
    const chain = new ChainFixture(suite);
    chain.grow(2);
    const node = await boot(chain, home(), { speculative: false });
    for (const { block, body } of chain.made) await node.store.put(block, body);
    const waiting = node.executor.fields(chain.at(1).block, 'full', false);
    const judging = node.executor.judge(chain.at(2).block, chain.at(1).block);
    await Promise.resolve();
    expect(node.application.calls).toEqual(['initChain']);
    await finalize(node, [chain.at(1)]);
    expect(await waiting).toMatchObject({
      kind: 'fields',
      fields: { executedHeight: 1, stateRoot: chain.stateRoot(1) },
    });
    expect(await judging).toEqual({ kind: 'valid' });
    const copied = await node.executor.fields(chain.at(2).block, 'empty', false);
    expect(copied).toMatchObject({ kind: 'fields', fields: { executedHeight: 1, stateRoot: chain.stateRoot(1) } });
    const never = node.executor.fields(chain.at(2).block, 'full', false);
    await node.executor.stop();
    expect(await never).toEqual({ kind: 'behind' });
  });

  test('a branch deeper than the application may hold waits for finality', async () => {
    const chain = new ChainFixture(suite, { epochLength: 100 });
    chain.grow(70);
    const node = await boot(chain, home());
    for (const { block, body } of chain.made) await node.store.put(block, body);
    expect(await node.executor.fields(chain.at(69).block, 'full', false)).toEqual({ kind: 'behind' });
    await node.store.finalize(chain.made.slice(0, 30).map(({ entry }) => entry));
    node.executor.advance();
    await node.executor.settled();
    expect(await node.executor.fields(chain.at(69).block, 'full', false)).toMatchObject({ kind: 'fields' });
  });
});

describe('the next validator set', () => {
  test('holds the updates up to the height before the last; those of the last wait one epoch more', async () => {
    const chain = new ChainFixture(suite, { epochLength: 4 });
    chain.extend(['weight/4/3']); // 1
    chain.grow(1); // 2
    chain.extend(['weight/0/0']); // 3: the last that counts
    chain.extend(['weight/5/9']); // 4: too late
    chain.grow(4); // epoch 1
    const place = home();
    const node = await boot(chain, place);
    await finalize(node, chain.made);
    expect(node.halts).toEqual([]);
    for (const each of [node, await boot(chain, place)]) {
      const first = each.executor.nextValidators(chain.at(4).block);
      expect(first).toMatchObject({ kind: 'known', set: { total: 6 } });
      const second = each.executor.nextValidators(chain.at(8).block);
      expect(second).toMatchObject({ kind: 'known', set: { total: 15 } });
    }
  });

  test('is named by proposers and checked by judges, candidates included', async () => {
    const chain = new ChainFixture(suite, { epochLength: 4 });
    chain.grow(1);
    chain.extend(['weight/4/3']);
    chain.grow(2);
    const node = await boot(chain, home());
    await finalize(node, [chain.at(1)]);
    for (const { block, body } of chain.made.slice(1)) await node.store.put(block, body);
    const parent = chain.at(3).block;
    const { nextValidatorsRoot } = chain.at(4).block.header;
    expect(await node.executor.fields(parent, 'full', true)).toMatchObject({
      kind: 'fields',
      fields: { nextValidatorsRoot },
    });
    expect(await node.executor.judge(chain.at(4).block, parent)).toEqual({ kind: 'valid' });
    const wrong = chain.proposeOn(parent, 3, ['x'], { nextValidatorsRoot: chain.genesis.validators.root(sha256) });
    await node.store.put(wrong.block, wrong.body);
    expect(await node.executor.judge(wrong.block, parent)).toMatchObject({ kind: 'invalid' });
    const empty = chain.proposeOn(parent, 2, [], { nextValidatorsRoot });
    await node.store.put(empty.block, empty.body);
    expect(await node.executor.judge(empty.block, parent)).toEqual({ kind: 'valid' });
    const absent = chain.proposeOn(parent, 2, [], { nextValidatorsRoot: null });
    await node.store.put(absent.block, absent.body);
    expect(await node.executor.judge(absent.block, parent)).toMatchObject({ kind: 'invalid' });
  });

  test('a finalized header that names another set than execution gives halts', async () => {
    const chain = new ChainFixture(suite, { epochLength: 2 });
    chain.grow(1);
    const node = await boot(chain, home());
    const { block, body } = chain.propose(['x'], { nextValidatorsRoot: '55'.repeat(32) });
    await finalize(node, [chain.at(1), { block, body, entry: chain.entry(block) }]);
    expect(node.halts.map(({ code }) => code)).toEqual(['application/diverged']);
  });

  test('blocks above the end of an epoch must be empty and change nothing (S11)', async () => {
    const chain = new ChainFixture(suite, { epochLength: 2 });
    chain.grow(2);
    const node = await boot(chain, home());
    await finalize(node, chain.made);
    const last = chain.tip;
    const judge = async ({ block, body }: { block: Made['block']; body: Made['body'] }) => {
      await node.store.put(block, body);
      return node.executor.judge(block, last);
    };
    const above = { epoch: 0, nextValidatorsRoot: null };
    expect(await judge(chain.proposeOn(last, 1, [], above))).toEqual({ kind: 'valid' });
    expect(await judge(chain.proposeOn(last, 1, ['x'], above))).toMatchObject({ kind: 'invalid' });
    expect(await judge(chain.proposeOn(last, 2, [], above))).toMatchObject({ kind: 'invalid' });
  });
});

describe('retention', () => {
  test('keeps what the options, the application and the oldest snapshot need', async () => {
    const chain = new ChainFixture(suite, { epochLength: 100, evidenceWindow: 30 });
    chain.grow(50);
    const run = async (options: Partial<ExecutorOptions>, retain: (height: number) => number) => {
      const node = await boot(chain, home(), options);
      node.application.retainHeight = retain;
      for (const made of chain.made) await finalize(node, [made]);
      expect(node.halts).toEqual([]);
      return node.store.kept;
    };
    expect(await run({ retainBlocks: 0 }, (height) => height)).toEqual({ bodiesFrom: 1, headersFrom: 0 });
    expect((await run({ retainBlocks: 10 }, (height) => height)).bodiesFrom).toBe(41);
    expect((await run({ retainBlocks: 10 }, () => 0)).bodiesFrom).toBe(1);
    expect((await run({ retainBlocks: 10 }, () => 25)).bodiesFrom).toBe(25);
    expect((await run({ retainBlocks: 10 }, (height) => height)).headersFrom).toBe(20);
    const withSnapshots = await run({ retainBlocks: 5, snapshotInterval: 15, keepSnapshots: 2 }, (height) => height);
    // Who joins at height 30 may meet offences of the 30 heights before it.
    expect(withSnapshots).toEqual({ bodiesFrom: 31, headersFrom: 0 });
    const later = await run({ retainBlocks: 5, snapshotInterval: 15, keepSnapshots: 1 }, (height) => height);
    expect(later).toEqual({ bodiesFrom: 46, headersFrom: 15 });
  });
});

describe('a crash at any durable operation', () => {
  /** Puts, finalizes and executes a chain in chunks; what was acknowledged before the crash is in `acknowledged`. */
  async function live(
    chain: ChainFixture,
    place: Home,
    fate: Fate,
    chunk: number,
    acknowledged: { finalized: number; executed: number },
  ) {
    const node = await boot(chain, place, { fate, retainBlocks: 6, snapshotInterval: 4 });
    node.executor.advance();
    await node.executor.settled();
    for (
      let from = node.store.finalizedHeight;
      from < chain.made.length && !fate.dead;
      from = node.store.finalizedHeight
    ) {
      const made = chain.made.slice(from, from + chunk);
      await Promise.all(made.map(({ block, body }) => node.store.put(block, body)));
      await node.store.finalize(made.map(({ entry }) => entry));
      acknowledged.finalized = node.store.finalizedHeight;
      node.executor.advance();
      if (from % 2 === 0) await node.executor.settled();
      acknowledged.executed = Math.max(acknowledged.executed, node.executed.at(-1)?.block.header.height ?? 0);
    }
    await node.executor.settled();
    return node;
  }

  test('loses nothing that was acknowledged, and ends in the same state', async () => {
    const chain = new ChainFixture(suite, { epochLength: 5, evidenceWindow: 12 });
    for (let height = 1; height <= 24; height++)
      chain.extend([`tx ${height}`, ...(height % 7 === 0 ? [`weight/4/${height}`] : [])]);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ at: fc.nat(70), happens: fc.boolean() }), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 5 }),
        async (crashes, chunk) => {
          const place = home();
          const acknowledged = { finalized: 0, executed: 0 };
          for (const { at, happens } of crashes) {
            const fate = new Fate();
            fate.at = at;
            fate.happens = happens;
            await live(chain, place, fate, chunk, acknowledged).catch(() => {});
            const found = await boot(chain, place);
            expect(found.store.finalizedHeight).toBeGreaterThanOrEqual(acknowledged.finalized);
            expect(found.executor.height).toBeLessThanOrEqual(found.store.finalizedHeight);
            expect(found.executor.height).toBeGreaterThanOrEqual(acknowledged.executed);
            expect(found.executor.stateRoot).toBe(chain.stateRoot(found.executor.height));
            for (let height = found.executor.height + 1; height <= found.store.finalizedHeight; height++) {
              expect(found.store.hasBody(chain.at(height).block.ref)).toBe(true);
              expect(found.store.finalityProof(height)?.headers[0]).toEqual(chain.at(height).block.header);
            }
            for (let height = found.store.kept.bodiesFrom; height <= found.executor.height; height++) {
              expect(found.store.transaction(toHex(sha256(tx(`tx ${height}`))))).toEqual({ height, index: 0 });
            }
            expect(found.store.verify(new Uint8Array(), 10_000).damaged).toEqual([]);
          }
          const end = await live(chain, place, new Fate(), chunk, acknowledged);
          expect(end.halts).toEqual([]);
          expect(end.executor.height).toBe(24);
          expect(end.executor.stateRoot).toBe(chain.stateRoot(24));
        },
      ),
      { numRuns: 60, seed: 7 },
    );
  });
});
