import { describe, expect, it } from 'vitest';
import { StampedTime } from './time.ts';

function clock() {
  const port = { time: 1_000_000, now: () => port.time, after: () => () => {} };
  return port;
}

describe('stamped time', () => {
  it('follows a clock that goes on', () => {
    const port = clock();
    const time = new StampedTime(port, 0);
    port.time += 5_000;
    expect(time.now()).toBe(1_005_000);
  });

  it('never decreases, and keeps the pace of the others when the clock is set back by an hour', () => {
    const port = clock();
    const time = new StampedTime(port, 0);
    const start = time.now();
    port.time -= 3_600_000;
    expect(time.now()).toBe(start);
    port.time += 20_000;
    expect(time.now()).toBe(start + 20_000);
    expect(time.proposed()).toBe(port.time);
    port.time += 3_600_000; // the clock is right again
    expect(time.now()).toBe(start + 20_000);
    port.time += 7;
    expect(time.now()).toBe(start + 20_007);
    expect(time.proposed()).toBe(start + 20_007);
  });

  it('lets proposals follow a clock that was an hour ahead and is put right', () => {
    const port = clock();
    const time = new StampedTime(port, 0);
    port.time += 3_600_000;
    const ahead = time.now();
    port.time -= 3_600_000;
    expect(time.now()).toBe(ahead);
    expect(time.proposed()).toBe(port.time);
  });

  it('goes on from the newest finalized block when the clock was set back before the start', () => {
    const port = clock();
    const reached = port.time + 3_600_000;
    const time = new StampedTime(port, reached);
    expect(time.now()).toBe(reached);
    expect(time.proposed()).toBe(port.time);
    port.time += 250;
    expect(time.now()).toBe(reached + 250);
    port.time += 3_600_000; // the clock is right again
    expect(time.now()).toBe(reached + 250);
    port.time += 7;
    expect(time.proposed()).toBe(reached + 257);
  });
});
