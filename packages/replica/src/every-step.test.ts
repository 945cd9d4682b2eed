import { expect, it } from 'vitest';
import { everyStep } from './every-step.ts';

it('takes every step in order, also after some failed, and tells of the first failure', async () => {
  const taken: number[] = [];
  const step = (number: number, fails: boolean) => async (): Promise<void> => {
    await Promise.resolve();
    taken.push(number);
    if (fails) throw new Error(`step ${number}`);
  };
  const broken = (): never => {
    throw new Error('at once');
  };
  await expect(everyStep([step(1, false), step(2, true), broken, step(3, true), step(4, false)])).rejects.toThrow(
    'step 2',
  );
  expect(taken).toEqual([1, 2, 3, 4]);
  await everyStep([() => undefined, step(5, false)]);
  expect(taken).toEqual([1, 2, 3, 4, 5]);
});
