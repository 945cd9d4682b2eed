import { expect, it } from 'vitest';
import { Cluster } from '../cluster.fixture.ts';

it('a transaction that fills a block gets into one, and what is larger by a byte is refused at once', async () => {
  const maxBlockBytes = 4096;
  const cluster = new Cluster({ seed: 6, consensus: { maxBlockBytes } });
  cluster.start();
  await cluster.reach(1);
  const aroundOne = 12; // two lists, and the length of the transaction
  const fits = new Uint8Array(maxBlockBytes - aroundOne).fill(1);
  const tooLarge = new Uint8Array(fits.length + 1).fill(2);
  expect(await cluster.replica(0).submit(tooLarge)).toMatchObject({
    kind: 'rejected',
    reason: `the transaction has ${tooLarge.length} bytes, the limit is ${fits.length}`,
  });
  const { id } = await cluster.replica(0).submit(fits);
  await cluster.reach(6);
  expect(await cluster.replica(0).settled(id)).toMatchObject({ kind: 'final' });
});
