import type { Effect, Engine, EngineStatus, Input, Output } from '@quorate/kernel';
import { type QuorateError, u53 } from '@quorate/kernel';
import { Incarnation, SimulatedDisk, World } from '@quorate/sim';
import { describe, expect, it } from 'vitest';
import { Counters } from './counters.ts';
import { Journal } from './journal.ts';
import { Loop } from './loop.ts';

const CHAIN = 'ab'.repeat(32);

/** Persists and says every number it hears. */
class Echo implements Engine<number, number> {
  readonly heard: (number | string)[] = [];
  readonly times: number[] = [];

  step(input: Input<number, number>): Output<number, number> {
    this.times.push(input.now);
    if (input.kind === 'start') for (const record of input.restored) this.heard.push(record);
    if (input.kind === 'timer') this.heard.push(input.timer);
    if (input.kind !== 'message') return { persist: [], effects: [] };
    this.heard.push(input.message);
    return { persist: [input.message], effects: [{ kind: 'broadcast', message: input.message }] };
  }

  checkpoint(): number[] {
    return [];
  }

  status(): EngineStatus {
    const none = { epoch: 0, view: 0, leader: null, finalizedHeight: 0, finalizedView: 0 };
    return { ...none, viewsSinceFinalized: 0, nullifiedViews: 0, dropped: {} };
  }
}

async function setup({ segmentBytes = 1 << 20, settled = (): boolean => true } = {}) {
  const bounds = { maxWaitingPerPeer: 10, maxWaiting: 15, maxBytesPerPeer: 100, maxBytes: 150, maxBatch: 8 };
  const world = new World({ seed: 1 });
  const disk = new SimulatedDisk(world, 'home');
  const life = new Incarnation(world, 'home');
  const options = { chain: CHAIN, folder: 'journal', segmentBytes };
  const { journal } = await world.complete(Journal.open(options, disk.port(life)));
  const said: Effect<number>[] = [];
  const syncsWhenSaid: number[] = [];
  const halts: QuorateError[] = [];
  const counters = new Counters();
  const loop = new Loop<number, number>(bounds, {
    journal,
    recordCodec: u53,
    counters,
    now: () => Math.floor(world.time),
    perform: (_, effect) => {
      said.push(effect);
      syncsWhenSaid.push(disk.syncs);
    },
    flush: () => {},
    settled,
    halt: (error) => halts.push(error),
  });
  const engine = new Echo();
  loop.run(0, engine, []);
  await world.run();
  return { world, disk, loop, engine, said, syncsWhenSaid, halts, counters };
}

describe('the loop', () => {
  it('makes the records of a batch durable, with one sync, before any of its effects', async () => {
    const { world, disk, loop, said, syncsWhenSaid } = await setup();
    const before = disk.syncs;
    for (let i = 0; i < 5; i++) loop.message(0, 'a', i, 1);
    await world.run({ maxEvents: 1 });
    expect(said).toEqual([]);
    await world.run();
    expect(said.map((effect) => ('message' in effect ? effect.message : null))).toEqual([0, 1, 2, 3, 4]);
    expect(disk.syncs).toBe(before + 1);
    expect(new Set(syncsWhenSaid)).toEqual(new Set([before + 1]));
  });

  it('says nothing that it could not write, and halts with the error of the disk', async () => {
    const { world, disk, loop, said, halts } = await setup();
    disk.failingSyncs = 1;
    loop.message(0, 'a', 1, 1);
    await world.run();
    loop.message(0, 'a', 2, 1);
    await world.run();
    expect(said).toEqual([]);
    expect(halts.map(({ code }) => code)).toEqual(['disk/failed']);
  });

  it('drops what exceeds a peer’s queue or all queues, counts it, and never drops its own', async () => {
    const { world, loop, engine, counters } = await setup();
    for (let i = 0; i < 20; i++) loop.message(0, 'a', i, 1);
    for (let i = 0; i < 20; i++) loop.message(0, 'b', 100 + i, 1);
    for (let i = 0; i < 40; i++) loop.own(0, { kind: 'timer', timer: `t${i}` });
    await world.run();
    expect(engine.heard.filter((item) => typeof item === 'string')).toHaveLength(40);
    expect(engine.heard.filter((item) => typeof item === 'number')).toHaveLength(15);
    expect(counters.get('dropped.votes-full')).toBe(25);
  });

  it('bounds the bytes that wait as well, and gives them back', async () => {
    const { world, loop } = await setup();
    const taken = (peer: string): boolean[] => [1, 2, 3].map((i) => loop.message(0, peer, i, 45));
    expect(taken('a')).toEqual([true, true, false]);
    expect(taken('b')).toEqual([true, false, false]);
    await world.run();
    expect(taken('b')).toEqual([true, true, false]);
  });

  it('takes own inputs first and peers in turn', async () => {
    const { world, loop, engine } = await setup();
    for (let i = 0; i < 3; i++) loop.message(0, 'a', i, 1);
    loop.message(0, 'b', 10, 1);
    loop.own(0, { kind: 'timer', timer: 'mine' });
    await world.run();
    expect(engine.heard).toEqual(['mine', 0, 10, 1, 2]);
  });

  it('lets inputs of an epoch that ended go', async () => {
    const { world, loop, engine } = await setup();
    const next = new Echo();
    loop.run(1, next, []);
    loop.message(0, 'a', 1, 1);
    loop.message(1, 'a', 2, 1);
    await world.run();
    expect(engine.heard).toEqual([]);
    expect(next.heard).toEqual([2]);
  });

  it('replaces the journal by a checkpoint only once what was finalized is durable elsewhere', async () => {
    let durable = false;
    const { world, disk, loop } = await setup({ segmentBytes: 100, settled: () => durable });
    for (let i = 0; i < 8; i++) {
      loop.message(0, 'a', i, 1);
      await world.run();
    }
    expect(disk.fileNames()).toEqual(['journal/0000000001.journal']);
    durable = true;
    loop.message(0, 'a', 9, 1);
    await world.run();
    expect(disk.fileNames()).toEqual(['journal/0000000002.journal']);
  });

  it('halts when the engine throws', async () => {
    const { world, loop, engine, halts } = await setup();
    engine.step = () => {
      throw new RangeError('a bug');
    };
    loop.message(0, 'a', 1, 1);
    await world.run();
    expect(halts.map(({ code }) => code)).toEqual(['replica/failed']);
  });
});
