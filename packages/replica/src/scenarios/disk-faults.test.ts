import { initialiseGate, openGate } from '@quorate/crypto';
import { Cluster, Incarnation, SimulatedDisk, simulatedSuite, World } from '@quorate/sim';
import { describe, expect, it } from 'vitest';
import { damagedRun } from './disk-faults.fixture.ts';

const SOME = { failed: 0.001, full: 0.0005, stall: 0.002, longest: 800 };
const SILENT = { flip: 0.001, misdirectedWrite: 0.002, misdirectedRead: 0.01, stale: 0.005 };

describe('disks that misbehave, an operator who follows the messages', () => {
  let stops = 0;
  const kinds = new Set<string>();

  it.each([1, 5])('stop their nodes with errors that say so, never with a wrong value, seed %i', async (seed) => {
    const { ends, dishonest, decisions, recovered } = await damagedRun({
      seed,
      during: 6000,
      faults: { ...SOME, ...SILENT },
    });
    expect(dishonest).toEqual([]);
    expect(recovered).toBe(true);
    stops += ends.length;
    for (const { choice } of decisions) kinds.add(choice.kind);
  });

  it('and did misbehave, and some nodes did stop', () => {
    expect(kinds.size).toBeGreaterThan(3);
    expect(stops).toBeGreaterThan(0);
  });
});

describe('a sync that failed', () => {
  // The gate read its record from the system's cache, gave the signature away, and the next power cut took the record.
  it.each(['keep', 'lose', 'prefix', 'sectors'] as const)(
    'does not make a gate forget what it released after a restart, unsynced bytes: %s',
    async (tear) => {
      const world = new World({ seed: 1 });
      const disk = new SimulatedDisk(world, 'n', { tears: [tear] });
      const secret = simulatedSuite().secretFromSeed(new Uint8Array(32).fill(1));
      let life = new Incarnation(world, 'n');
      const end = (power: boolean): void => {
        life.end();
        disk.crash({ power });
        life = new Incarnation(world, 'n');
      };
      await world.complete(initialiseGate({ chainId: 'c', secret }, { disk: disk.port(life) }));
      const vote = async (block: string) => {
        const options = { chainId: 'c', secret, allowFresh: false } as const;
        const gate = await world.complete(openGate(options, { disk: disk.port(life) }));
        return world.complete(gate.sign([{ kind: 'notarize', epoch: 0, view: 1, block: block.repeat(64) }]));
      };
      const reopened = async (): Promise<void> => {
        const gate = await world.complete(
          openGate({ chainId: 'c', secret, allowFresh: false }, { disk: disk.port(life) }),
        );
        disk.failingSyncs = 1;
        const signing = gate.sign([{ kind: 'notarize', epoch: 0, view: 1, block: 'a'.repeat(64) }]);
        await expect(world.complete(signing)).rejects.toMatchObject({ code: 'disk/failed' });
      };
      await reopened();
      end(false);
      expect(await vote('a')).toMatchObject([{ kind: 'signed' }]);
      end(true);
      expect(await vote('b')).toMatchObject([{ kind: 'refused' }]);
    },
  );
});

describe('processes', () => {
  it('that pause for longer than a view takes come back and vote', async () => {
    const cluster = await Cluster.create({ seed: 1, weights: [1, 1, 1, 1] });
    cluster.start();
    cluster.load(50);
    await cluster.reaches(5);
    for (let round = 0; round < 4; round++) {
      cluster.member(round % 4).machine.pause(1500);
      expect(await cluster.advances(2, 60_000)).toBe(true);
    }
    for (const { machine } of cluster.members) machine.pause(2000);
    expect(await cluster.advances(3, 60_000)).toBe(true);
    cluster.inspect();
  });

  it('with a slow processor keep up or fall behind, and do no harm', async () => {
    const cluster = await Cluster.create({ seed: 3, weights: [1, 1, 1, 1] });
    cluster.member(2).machine.slow(2);
    cluster.start();
    cluster.load(50);
    expect(await cluster.reaches(15, 120_000)).toBe(true);
    cluster.member(2).machine.slow(0);
    expect(await cluster.advances(5)).toBe(true);
    cluster.inspect();
  });

  it('whose home is put back from a backup of an hour ago are no danger while their gate is not', async () => {
    const cluster = await Cluster.create({ seed: 4, weights: [1, 1, 1, 1] });
    cluster.start();
    cluster.load(50);
    await cluster.reaches(8);
    const { name, machine } = cluster.member(1);
    const backup = machine.disk.backup();
    await cluster.advances(15);
    machine.crash();
    for (const prefix of ['journal/', 'blocks', 'evidence', 'application']) machine.disk.restore(backup, prefix);
    cluster.checkers.forget(name);
    cluster.start(1);
    expect(await cluster.advances(8)).toBe(true);
    cluster.inspect();
  });
});
