import { describe, expect, it } from 'vitest';
import { Incarnation } from './incarnation.ts';
import { World } from './world.ts';

function fixture() {
  const world = new World({ seed: 1 });
  const life = new Incarnation(world, 'n');
  const log: string[] = [];
  const say = (what: string) => () => void log.push(`${what} ${world.elapsed}`);
  return { world, life, log, say };
}

describe('a process', () => {
  it('that is paused does afterwards what was due meanwhile, at once and in order', async () => {
    const { world, life, log, say } = fixture();
    for (const at of [1, 5, 8, 20]) life.schedule(at, 'timer', say(`timer ${at}`));
    world.schedule(2, 'pause', () => life.pause(10));
    world.schedule(6, 'disk', () => life.enter(say('disk')));
    await world.run();
    expect(log).toEqual(['timer 1 1', 'timer 5 12', 'disk 12', 'timer 8 12', 'timer 20 20']);
    expect(life.held).toBe(0);
  });

  it('may be paused again while it is', async () => {
    const { world, life, log, say } = fixture();
    life.schedule(1, 'timer', say('late'));
    life.pause(5);
    world.schedule(4, 'pause', () => life.pause(10));
    await world.run();
    expect(log).toEqual(['late 14']);
  });

  it('never does what was cancelled or what it died before, though it was due', async () => {
    const { world, life, log, say } = fixture();
    life.pause(10);
    life.schedule(1, 'first', () => {
      say('first')();
      cancel();
    });
    const cancel = life.schedule(2, 'second', say('second'));
    life.schedule(3, 'third', () => life.end());
    life.schedule(4, 'fourth', say('fourth'));
    await world.run();
    expect(log).toEqual(['first 10']);
  });

  it('with a slow processor falls behind, one event after the other', async () => {
    const { world, life, log, say } = fixture();
    life.eventCost = 4;
    for (const at of [1, 2, 3, 30]) life.schedule(at, 'message', say(`${at}`));
    await world.run();
    expect(log).toEqual(['1 1', '2 5', '3 9', '30 30']);
  });

  it('finishes what one turn set off before it takes the next', async () => {
    const { world, life, log } = fixture();
    life.pause(3);
    for (const name of ['a', 'b']) {
      life.schedule(1, name, () => {
        log.push(name);
        void Promise.resolve().then(() => log.push(`${name} later`));
      });
    }
    await world.run();
    expect(log).toEqual(['a', 'a later', 'b', 'b later']);
  });
});
