import { expect, it } from 'vitest';
import { SimulatedClock } from './clock.ts';
import { Incarnation } from './incarnation.ts';
import { World } from './world.ts';

it('drifts from when it is told to, without a leap, jumps on top of it, and is right once mended', async () => {
  const world = new World({ seed: 1, start: 1_000_000 });
  const clock = new SimulatedClock(world, { offset: 50 });
  await world.runFor(1000);
  clock.runFast(0.1);
  expect(clock.now()).toBe(1_001_050);
  await world.runFor(1000);
  expect(clock.now()).toBe(1_002_150);
  clock.runFast(-0.2);
  await world.runFor(1000);
  expect(clock.now()).toBe(1_002_950);
  clock.jump(-7000);
  expect([clock.now(), clock.error]).toEqual([995_950, -7050]);
  clock.mend();
  expect(clock.now()).toBe(1_003_000);
  expect(() => clock.runFast(-1)).toThrow(RangeError);
});

it('hastens timers by its drift', async () => {
  const world = new World({ seed: 1 });
  const clock = new SimulatedClock(world);
  const at: number[] = [];
  clock.runFast(0.25);
  clock.port(new Incarnation(world, 'n')).after(100, () => void at.push(world.elapsed));
  await world.run();
  expect(at).toEqual([80]);
});
