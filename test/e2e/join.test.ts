import { describe, expect, it } from 'vitest';
import { joinLate } from './join.ts';
import { Network } from './network.ts';
import { Payments } from './payments.ts';
import { type NodeProcess, quorate, until } from './process.ts';

describe('joining late', () => {
  it('brings in a validator by block sync, and another by state sync', { timeout: 300_000 }, async () => {
    expect(await joinLate({ height: 300, snapshotInterval: 50 })).toBeGreaterThanOrEqual(300);
  });

  it('needs no list of peers where genesis says who validates and where', { timeout: 120_000 }, async () => {
    const network = await Network.create({ delta: 60, config: { snapshots: { interval: 20, keep: 2 } } });
    await network.run();
    const payments = await Payments.open(network);
    payments.start();
    await network.reach(45);
    const trusted = await trustOf(network.node(0));
    const observer = await network.addObserver('observer', { p2p: { peers: [] }, stateSync: trusted });
    observer.start();
    await network.reach(trusted.height + 5, [observer]);
    await payments.stop();
    expect(observer.log()).toContain('restored a snapshot');
    expect(observer.log()).not.toContain('no peer connected');
  });

  it('says what is missing where genesis does not', { timeout: 60_000 }, async () => {
    // The proxies of the test know the addresses; genesis does not.
    const network = await Network.create({ validators: 1, proxied: true });
    await network.run();
    const trusted = await trustOf(network.node(0));
    const observer = await network.addObserver('observer', { p2p: { peers: [] }, stateSync: trusted });
    observer.start();
    await until('the observer to complain', () => /none to dial: .* set p2p\.peers/.test(observer.log()));
    const answer: { ready: boolean; reasons: string[] } = JSON.parse(
      await (await fetch(`${observer.rpc}/ready`)).text(),
    );
    expect(answer).toMatchObject({ ready: false });
    expect(answer.reasons.join()).toMatch(/no peer connected, and none to dial/);
  });
});

async function trustOf(node: NodeProcess): Promise<{ height: number; digest: string }> {
  const trust = await quorate(['snapshot', 'trust', '--url', node.rpc, '--json']);
  expect(trust.code, trust.stderr).toBe(0);
  const { height, digest }: { height: number; digest: string } = JSON.parse(trust.stdout);
  return { height, digest };
}
