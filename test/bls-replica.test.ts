import { createNativeSuites } from '@quorate/node';
import { Cluster } from '@quorate/sim';
import { expect, it } from 'vitest';

it('replicas with BLS12-381 votes agree through loss, a power cut and a cut network, and a seed repeats them', async () => {
  const run = async (): Promise<string> => {
    const suite = createNativeSuites(['bls12-381']).get('bls12-381');
    const cluster = await Cluster.create({
      seed: 12,
      suite,
      weights: [3, 2, 2, 2],
      consensus: { epochLength: 5 },
      network: { link: { loss: 0.02, duplicate: 0.02 } },
    });
    const { world, network, checkers } = cluster;
    cluster.start();
    const stop = cluster.load(50);
    expect(await cluster.reaches(3)).toBe(true);
    cluster.member(1).machine.crash();
    expect(await cluster.advances(3)).toBe(true);
    cluster.start(1);
    expect(await cluster.advances(3)).toBe(true);
    const [a, b, c, d] = cluster.members.map(({ peer }) => peer);
    network.partition([a ?? '', b ?? ''], [c ?? '', d ?? '']);
    const height = checkers.height;
    await world.runFor(5000);
    expect(checkers.height).toBeLessThanOrEqual(height + 1);
    network.heal();
    expect(await cluster.advances(3)).toBe(true);
    stop();
    cluster.inspect();
    expect(checkers.acknowledged).toBeGreaterThan(0);
    return world.hash;
  };
  expect(await run()).toBe(await run());
});
