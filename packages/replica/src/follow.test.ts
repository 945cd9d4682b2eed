import { emptyRoot, type Header, type QuorateError, ZERO_DIGEST } from '@quorate/kernel';
import { Incarnation, SimulatedClock, World } from '@quorate/sim';
import { describe, expect, it } from 'vitest';
import type { FinalizedBlock } from './api.ts';
import { Followers, type FollowersOptions } from './follow.ts';

function blockAt(height: number): FinalizedBlock {
  const header: Header = {
    epoch: 0,
    view: height,
    height,
    parentView: height - 1,
    parentDigest: ZERO_DIGEST,
    time: height,
    txRoot: emptyRoot((bytes) => bytes),
    evidenceRoot: ZERO_DIGEST,
    executedHeight: height - 1,
    stateRoot: ZERO_DIGEST,
    receiptsRoot: ZERO_DIGEST,
    validatorsRoot: ZERO_DIGEST,
    nextValidatorsRoot: null,
    justificationDigest: ZERO_DIGEST,
    protocolVersion: 1,
  };
  return {
    header,
    digest: ZERO_DIGEST,
    body: { transactions: [], evidence: [] },
    receipts: [],
    events: [],
    finality: { grade: 'ordered' },
    finalizedAt: height,
  };
}

/** Blocks 1 to `height`, of which those below `pruned` are gone. */
function fixture(height: number, options: FollowersOptions = {}) {
  const world = new World({ seed: 1 });
  const life = new Incarnation(world, 'node');
  const chain = { height, pruned: 1 };
  const clock = new SimulatedClock(world).port(life);
  const block = (at: number) => (at < chain.pruned || at > chain.height ? null : blockAt(at));
  const followers = new Followers(options, { clock, block }, height);
  const grow = (to: number): void => {
    chain.height = to;
    followers.advance(to);
  };
  return { world, chain, followers, grow };
}

const heights = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('followers', () => {
  it('get past blocks from the store, then live ones, in order, none twice and none missing', async () => {
    const { world, followers, grow } = fixture(100);
    const seen: number[] = [];
    followers.follow(40, ({ header }) => {
      seen.push(header.height);
      if (header.height === 60) grow(103); // while it catches up
    });
    await world.run();
    grow(104);
    grow(104);
    grow(110);
    await world.run();
    expect(seen).toEqual(heights(40, 110));
  });

  it('wait for a height that does not exist yet', async () => {
    const { world, followers, grow } = fixture(3);
    const seen: number[] = [];
    followers.follow(6, ({ header }) => void seen.push(header.height));
    grow(5);
    await world.run();
    expect(seen).toEqual([]);
    grow(7);
    await world.run();
    expect(seen).toEqual([6, 7]);
  });

  it('start at height 1 for anything below', async () => {
    const { world, followers } = fixture(2);
    const seen: number[] = [];
    followers.follow(0, ({ header }) => void seen.push(header.height));
    await world.run();
    expect(seen).toEqual([1, 2]);
  });

  it('wait for an asynchronous listener before the next block', async () => {
    const { world, followers } = fixture(5);
    const log: string[] = [];
    followers.follow(1, async ({ header }) => {
      log.push(`begin ${header.height}`);
      await new Promise<void>((resolve) => world.schedule(10, 'listen', resolve));
      log.push(`end ${header.height}`);
    });
    await world.run();
    expect(log).toEqual(heights(1, 5).flatMap((height) => [`begin ${height}`, `end ${height}`]));
  });

  it('let others have their turn while one catches up', async () => {
    const { world, followers } = fixture(1000);
    const order: string[] = [];
    followers.follow(1, () => void order.push('long'));
    followers.follow(1000, () => void order.push('short'));
    await world.run();
    expect(order.indexOf('short')).toBeLessThan(50);
    expect(order).toHaveLength(1001);
  });

  it('end with null on close, and hear nothing afterwards', async () => {
    const { world, followers, grow } = fixture(2);
    const seen: number[] = [];
    const subscription = followers.follow(1, ({ header }) => void seen.push(header.height));
    await world.run();
    subscription.close();
    grow(3);
    await world.run();
    expect(await subscription.ended).toBeNull();
    expect(seen).toEqual([1, 2]);
    expect(followers.size).toBe(0);
  });

  const codeOf = async (ended: Promise<QuorateError | null>): Promise<string | undefined> => (await ended)?.code;

  it('are ended when they fall behind the live chain, but not while they catch up', async () => {
    const { world, followers, grow } = fixture(50, { maxLag: 10 });
    let release: () => void = () => {};
    const seen: number[] = [];
    const slow = followers.follow(1, ({ header }) => {
      seen.push(header.height);
      return header.height <= 50 ? undefined : new Promise<void>((resolve) => (release = resolve));
    });
    grow(50);
    await world.run();
    expect(seen).toHaveLength(50);
    grow(61);
    await world.run();
    expect(followers.size).toBe(1);
    grow(62);
    expect(await codeOf(slow.ended)).toBe('subscription/slow');
    release();
    await world.run();
    expect(seen).toHaveLength(51);
  });

  it('are ended with an error rather than skip a pruned block', async () => {
    const { world, chain, followers } = fixture(9);
    chain.pruned = 5;
    const early = followers.follow(3, () => {});
    await world.run();
    expect(await codeOf(early.ended)).toBe('subscription/pruned');
  });

  it('are ended when their listener throws or rejects', async () => {
    const { world, followers } = fixture(9);
    const throwing = followers.follow(1, () => {
      throw new Error('out of order');
    });
    const rejecting = followers.follow(1, () => Promise.reject(new Error('out of order')));
    await world.run();
    expect(await codeOf(throwing.ended)).toBe('rpc/failed');
    expect(await codeOf(rejecting.ended)).toBe('rpc/failed');
  });

  it('are bounded, and end when the node stops', async () => {
    const { followers } = fixture(0, { maxSubscriptions: 1 });
    const first = followers.follow(1, () => {});
    const second = followers.follow(1, () => {});
    expect(await codeOf(second.ended)).toBe('rpc/unavailable');
    followers.stop();
    expect(await codeOf(first.ended)).toBe('rpc/unavailable');
  });
});
