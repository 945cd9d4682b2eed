import { expect, it } from 'vitest';
import { timeouts, timingFrom } from './timing.ts';

it('derives everything from Δ', () => {
  expect(timingFrom({ delta: 1000 })).toEqual({
    delta: 1000,
    maxTimeout: 60_000,
    alpha: 1.2,
    retry: 2000,
    standstill: 10_000,
    skipTimeout: 5000,
  });
});

it('refuses durations that make no sense', () => {
  expect(() => timingFrom({ delta: 0 })).toThrow(RangeError);
  expect(() => timingFrom({ delta: 10, alpha: 1 })).toThrow(/alpha/);
  expect(() => timingFrom({ delta: Number.NaN })).toThrow(RangeError);
});

it('S9: backs off after four views without finalization, up to the cap', () => {
  const timing = timingFrom({ delta: 100, alpha: 2, maxTimeout: 1000 });
  expect(timeouts(timing, 4)).toEqual({ leader: 200, advance: 300 });
  expect(timeouts(timing, 5)).toEqual({ leader: 400, advance: 600 });
  expect(timeouts(timing, 6)).toEqual({ leader: 800, advance: 1000 });
  expect(timeouts(timing, 5000)).toEqual({ leader: 1000, advance: 1000 });
});
