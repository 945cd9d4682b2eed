import { expect, it } from 'vitest';
import { restartAfter } from './restart.ts';

it('votes again within three seconds, with 100,000 blocks behind it', async () => {
  expect(await restartAfter({ height: 100_000, validators: 1 })).toBeLessThan(3000);
});

it('votes again within three seconds among four, with 20,000 blocks behind it', async () => {
  expect(await restartAfter({ height: 20_000, validators: 4, delta: 60 })).toBeLessThanOrEqual(3000);
});
