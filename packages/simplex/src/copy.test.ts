import { expect, it } from 'vitest';
import { Network } from '../../../test/simplex/network.ts';
import { type EngineClass, schedule } from '../../../test/simplex/schedules.ts';
import { Simplex } from './engine.ts';
import type { SimplexOptions, SimplexParts } from './state.ts';

/** Takes every input twice: in a fork that is thrown away, then in another one, which goes on. */
class Forking {
  protected engine: Simplex;

  constructor(options: SimplexOptions, parts: SimplexParts) {
    this.engine = new Simplex(options, parts);
  }

  step(input: Parameters<Simplex['step']>[0]): ReturnType<Simplex['step']> {
    this.engine.fork().step(input);
    this.engine = this.engine.fork();
    return this.engine.step(input);
  }

  checkpoint(): ReturnType<Simplex['checkpoint']> {
    return this.engine.checkpoint();
  }

  status(): ReturnType<Simplex['status']> {
    return this.engine.status();
  }
}

it('a fork goes on as its original would, and what one does never reaches the other', () => {
  for (let seed = 1; seed <= 8; seed++) {
    const run = (engine: EngineClass): number => {
      const network = new Network(schedule(engine, seed, 4));
      network.run(1800);
      return network.hash;
    };
    expect(run(Forking), `seed ${seed}`).toBe(run(Simplex));
  }
});

it('a fork remembers all that its original does, whatever fields there are', () => {
  /** Compares after every second input. */
  class Comparing extends Forking {
    override step(input: Parameters<Simplex['step']>[0]): ReturnType<Simplex['step']> {
      if (inputs++ % 2 === 0) {
        const { persist: _, effects: __, leaders: ___, ...memory } = { ...this.engine.memory };
        expect({ ...this.engine.fork().memory }).toMatchObject(memory);
      }
      return super.step(input);
    }
  }
  let inputs = 0;
  for (let seed = 1; seed <= 6; seed++) new Network(schedule(Comparing, seed, 4)).run(2500);
  expect(inputs).toBeGreaterThan(1000);
});
