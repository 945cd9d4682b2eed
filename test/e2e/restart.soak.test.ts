import { expect, it } from 'vitest';
import { restartAfter } from './restart.ts';

it('votes again within three seconds, with 100,000 blocks behind it', async () => {
  expect(await restartAfter({ height: 100_000, validators: 1 })).toBeLessThan(3000);
});
