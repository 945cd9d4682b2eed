import { sha256 } from '@quorate/crypto';
import {
  type Application,
  type ApplicationBlock,
  type BlockRef,
  type Digest,
  type GenesisView,
  receiptsRoot,
  type Store,
} from '@quorate/kernel';
import { describe, expect, it } from 'vitest';
import { MemoryStore } from './memory-store.mjs';

/** One application under test, and what the suite needs to drive it. */
export interface ApplicationFactory {
  readonly genesis: GenesisView;
  /** Opens the application on a store, empty or not. */
  open(store: Store): Promise<Application>;
  /** The i-th of a row of distinct transactions that are valid in this order from genesis on. */
  transaction(i: number): Uint8Array;
  /** Bytes that no state admits as a transaction. */
  readonly invalid: Uint8Array;
}

function digestOf(name: string): Digest {
  return Buffer.from(sha256(new TextEncoder().encode(name))).toString('hex');
}

function refOf(name: string, view = 1): BlockRef {
  return { epoch: 0, view, digest: digestOf(name) };
}

/** What every `Application` promises, whatever it computes. */
export function describeApplication(name: string, make: () => ApplicationFactory): void {
  describe(`application: ${name}`, () => {
    const factory = make();
    const { genesis } = factory;
    const origin: BlockRef = { epoch: 0, view: 0, digest: genesis.digest };
    const block = (
      of: { height: number; parent: BlockRef; name: string },
      transactions: readonly Uint8Array[],
    ): ApplicationBlock => ({
      height: of.height,
      epoch: 0,
      time: genesis.time + 1000 * of.height,
      parent: of.parent,
      proposer: genesis.validators[0]?.publicKey ?? new Uint8Array(),
      evidence: [],
      nextEpochStart: 1000,
      block: refOf(of.name, of.height),
      transactions,
    });
    const fresh = async (store: Store = new MemoryStore()): Promise<{ app: Application; root: Digest }> => {
      const app = await factory.open(store);
      const { stateRoot } = await app.initChain(genesis);
      return { app, root: stateRoot };
    };
    /** A chain of `count` blocks of two transactions each. */
    const chain = (count: number): ApplicationBlock[] => {
      const blocks: ApplicationBlock[] = [];
      for (let height = 1; height <= count; height++) {
        const parent = blocks.at(-1)?.block ?? origin;
        const transactions = [factory.transaction(2 * height - 2), factory.transaction(2 * height - 1)];
        blocks.push(block({ height, parent, name: `main ${height}` }, transactions));
      }
      return blocks;
    };
    const run = async (app: Application, blocks: readonly ApplicationBlock[]): Promise<Digest[]> => {
      const roots: Digest[] = [];
      for (const one of blocks) {
        roots.push((await app.finalizeBlock(one)).stateRoot);
        await app.commit(one.block);
      }
      return roots;
    };

    it('stands at height 0 with the genesis block after initChain', async () => {
      const { app, root } = await fresh();
      expect(await app.info()).toMatchObject({ height: 0, block: genesis.digest, stateRoot: root });
      expect(await app.initChain(genesis)).toEqual({ stateRoot: root });
    });

    it('stands at the committed block, also after it was opened again', async () => {
      const store = new MemoryStore();
      const { app } = await fresh(store);
      const blocks = chain(3);
      const roots = await run(app, blocks);
      const expected = { height: 3, block: blocks[2]?.block.digest, stateRoot: roots[2] };
      expect(await app.info()).toMatchObject(expected);
      const again = await factory.open(store);
      expect(await again.info()).toMatchObject(expected);
    });

    it('executes the same blocks to the same roots and receipts', async () => {
      const [{ app: a }, { app: b }] = [await fresh(), await fresh()];
      for (const one of chain(4)) {
        const [x, y] = [await a.finalizeBlock(one), await b.finalizeBlock(one)];
        expect(x.stateRoot).toBe(y.stateRoot);
        expect(receiptsRoot(sha256, x.receipts)).toBe(receiptsRoot(sha256, y.receipts));
        expect(x.receipts).toHaveLength(one.transactions.length);
        await a.commit(one.block);
        await b.commit(one.block);
      }
    });

    it('answers the same when a block is judged, executed and executed again', async () => {
      const { app } = await fresh();
      const one = chain(1)[0] as ApplicationBlock;
      expect(await app.processProposal(one)).toEqual({ kind: 'valid' });
      expect(await app.processProposal(one)).toEqual({ kind: 'valid' });
      const first = await app.finalizeBlock(one);
      expect(await app.finalizeBlock(one)).toEqual(first);
    });

    it('changes nothing before commit', async () => {
      const store = new MemoryStore();
      const { app } = await fresh(store);
      const before = await app.info();
      await app.finalizeBlock(chain(1)[0] as ApplicationBlock);
      expect(await app.info()).toEqual(before);
      expect(await (await factory.open(store)).info()).toEqual(before);
    });

    it('executes a committed block again after a restart, with the same result', async () => {
      const store = new MemoryStore();
      const { app } = await fresh(store);
      const blocks = chain(3);
      await run(app, blocks.slice(0, 2));
      const last = blocks[2] as ApplicationBlock;
      const execution = await app.finalizeBlock(last);
      await app.commit(last.block);
      const again = await factory.open(store);
      expect(await again.finalizeBlock(last)).toEqual(execution);
      await again.commit(last.block);
      expect(await again.info()).toMatchObject({ height: 3, stateRoot: execution.stateRoot });
    });

    it('keeps rival candidates apart and forgets the losers', async () => {
      const { app } = await fresh();
      const [left, right] = [
        block({ height: 1, parent: origin, name: 'left' }, [factory.transaction(0)]),
        block({ height: 1, parent: origin, name: 'right' }, []),
      ];
      const [a, b] = [await app.finalizeBlock(left), await app.finalizeBlock(right)];
      expect(a.stateRoot).not.toBe(b.stateRoot);
      await app.commit(left.block);
      expect((await app.info()).stateRoot).toBe(a.stateRoot);
      await expect(app.commit(right.block)).rejects.toMatchObject({ code: 'application/failed' });
      const onLoser = block({ height: 2, parent: right.block, name: 'orphan' }, []);
      await expect(app.finalizeBlock(onLoser)).rejects.toMatchObject({ code: 'application/failed' });
    });

    it('executes 64 candidates one above the other before the first commit', async () => {
      const [{ app }, { app: other }] = [await fresh(), await fresh()];
      if (!app.capabilities.speculative) return;
      const blocks = chain(64);
      const roots: Digest[] = [];
      for (const one of blocks) roots.push((await app.finalizeBlock(one)).stateRoot);
      for (const one of blocks) await app.commit(one.block);
      expect(roots).toEqual(await run(other, blocks));
    });

    it('commits in order of height only', async () => {
      const { app } = await fresh();
      if (!app.capabilities.speculative) return;
      const [first, second] = chain(2) as [ApplicationBlock, ApplicationBlock];
      await app.finalizeBlock(first);
      await app.finalizeBlock(second);
      await expect(app.commit(second.block)).rejects.toMatchObject({ code: 'application/failed' });
      await app.commit(first.block);
      await app.commit(second.block);
      expect((await app.info()).height).toBe(2);
    });

    it('refuses a block on an unknown parent, and the commit of an unknown block', async () => {
      const { app } = await fresh();
      const lost = block({ height: 2, parent: refOf('nobody'), name: 'lost' }, []);
      await expect(app.processProposal(lost)).rejects.toMatchObject({ code: 'application/failed' });
      await expect(app.commit(refOf('nobody'))).rejects.toMatchObject({ code: 'application/failed' });
    });

    it('admits what is valid and rejects what is not, with a reason', async () => {
      const { app } = await fresh();
      const context = { now: genesis.time, recheck: false };
      expect(await app.checkTx(factory.transaction(0), context)).toMatchObject({ kind: 'admitted' });
      const refused = await app.checkTx(factory.invalid, context);
      expect(refused.kind === 'rejected' && refused.reason.length > 0).toBe(true);
    });

    it('judges a block with an inadmissible transaction invalid', async () => {
      const { app } = await fresh();
      const one = block({ height: 1, parent: origin, name: 'bad' }, [factory.transaction(0), factory.invalid]);
      expect((await app.processProposal(one)).kind).toBe('invalid');
    });

    it('proposes only what it judges valid, in the bytes allowed', async () => {
      const { app } = await fresh();
      const offered = [factory.invalid, ...Array.from({ length: 6 }, (_, i) => factory.transaction(i))];
      const context = block({ height: 1, parent: origin, name: 'proposed' }, []);
      const size = offered.reduce((sum, tx) => sum + tx.length, 0);
      for (const [limit, least] of [
        [size + 1000, 6],
        [Math.floor(size / 2), 1],
        [0, 0],
      ] as const) {
        const chosen = await app.prepareProposal(context, offered, limit);
        expect(chosen.length).toBeGreaterThanOrEqual(least);
        expect(chosen.reduce((sum, tx) => sum + tx.length, 0)).toBeLessThanOrEqual(limit);
        const one = block({ height: 1, parent: origin, name: `proposed ${limit}` }, chosen);
        expect(await app.processProposal(one)).toEqual({ kind: 'valid' });
      }
    });

    it('re-executes to the same roots from whatever a crash left', async () => {
      const store = MemoryStore.of([]);
      const { app } = await fresh(store);
      const blocks = chain(6);
      const roots = await run(app, blocks);
      for (let durable = 1; durable <= store.batches.length; durable++) {
        const survivor = await factory.open(MemoryStore.of(store.batches.slice(0, durable)));
        const { height, block: at, stateRoot } = await survivor.info();
        const committed = blocks[height - 1];
        expect(at).toBe(committed?.block.digest ?? genesis.digest);
        if (committed) expect(stateRoot).toBe(roots[height - 1]);
        expect(await run(survivor, blocks.slice(height))).toEqual(roots.slice(height));
      }
    });

    it('restores a snapshot to the same root on another node', async () => {
      const { app } = await fresh();
      if (!app.capabilities.snapshots || app.snapshots?.take === undefined) return;
      const blocks = chain(3);
      const roots = await run(app, blocks.slice(0, 2));
      await app.snapshots.take(2);
      const info = (await app.snapshots.list()).at(-1);
      if (info === undefined) throw new Error('no snapshot is listed');
      const joining = await factory.open(new MemoryStore());
      const target = { stateRoot: roots[1] as Digest, block: (blocks[1] as ApplicationBlock).block };
      expect(await joining.snapshots?.offer(info, target)).toBe('accept');
      for (let chunk = 0; chunk < info.chunks; chunk++) {
        const bytes = await app.snapshots.load(info.height, info.format, chunk);
        if (bytes === null) throw new Error(`chunk ${chunk} is missing`);
        const wrong = Uint8Array.from(bytes);
        wrong[0] = (wrong[0] ?? 0) ^ 1;
        expect(await joining.snapshots?.apply(chunk, wrong)).toBe('bad');
        expect(await joining.snapshots?.apply(chunk, bytes)).toBe(chunk + 1 < info.chunks ? 'more' : 'done');
      }
      expect(await joining.info()).toMatchObject({
        height: 2,
        block: target.block.digest,
        stateRoot: target.stateRoot,
      });
      const next = blocks[2] as ApplicationBlock;
      expect((await joining.finalizeBlock(next)).stateRoot).toBe((await app.finalizeBlock(next)).stateRoot);
    });
  });
}
