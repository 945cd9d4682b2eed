import { expect, it } from 'vitest';
import { restartAfter } from './restart.ts';

// The bound of three seconds is for a quiet machine with 100,000 blocks: `npm run soak` measures it. Here it must vote at all.
it('votes again after kill -9, with the timeouts of a real network', async () => {
  expect(await restartAfter({ height: 200, validators: 4 })).toBeGreaterThan(0);
});
