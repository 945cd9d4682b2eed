import {
  conflictOf,
  conformance,
  type Disk,
  type DiskFile,
  QuorateError,
  type SecretKey,
  type SignOutcome,
  type Statement,
  type StatementKind,
  signedBytes,
  toHex,
} from '@quorate/kernel';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createEd25519Suite } from '../ed25519.ts';
import { sha256 } from '../hash.ts';
import type { GateOptions, SigningGate } from './gate.ts';
import { initialiseGate, openGate } from './open.ts';
import { gateRecordCodec } from './records.ts';
import { gateFile } from './state.ts';
import { gateExportCodec } from './transfer.ts';

type Fault = 'append' | 'half-append' | 'sync' | 'replace' | null;
/** What a power cut leaves of unsynced bytes: nothing, all, the first part, or some sectors and zeros. */
type Tear = 'lose' | 'keep' | number | boolean[];

interface File {
  bytes: Uint8Array;
  synced: number;
}

/** A disk in memory that can fail once at a chosen operation and lose power. */
class TestDisk implements Disk {
  readonly files = new Map<string, File>();
  fault: Fault = null;
  syncs = 0;
  appends = 0;

  #fail(at: Fault): void {
    if (this.fault !== at) return;
    this.fault = null;
    throw new QuorateError('disk/failed', `injected at ${at}`);
  }

  #file(name: string): File {
    let file = this.files.get(name);
    if (file === undefined) {
      file = { bytes: new Uint8Array(0), synced: 0 };
      this.files.set(name, file);
    }
    return file;
  }

  async openFile(name: string): Promise<DiskFile> {
    const file = this.#file(name);
    return {
      name,
      size: () => file.bytes.length,
      append: async (parts) => {
        this.#fail('append');
        this.appends++;
        const whole = Buffer.concat(parts);
        const half = this.fault === 'half-append';
        file.bytes = Uint8Array.from(Buffer.concat([file.bytes, half ? whole.subarray(0, whole.length >> 1) : whole]));
        this.#fail('half-append');
      },
      sync: async () => {
        this.#fail('sync');
        this.syncs++;
        file.synced = file.bytes.length;
      },
      read: async (offset, length) => file.bytes.slice(offset, offset + length),
      truncate: async (size) => {
        file.bytes = file.bytes.slice(0, size);
        file.synced = Math.min(file.synced, size);
      },
      close: async () => {},
    };
  }

  async listFiles(prefix: string): Promise<string[]> {
    return [...this.files.keys()].filter((name) => name.startsWith(prefix)).sort();
  }

  async removeFile(name: string): Promise<void> {
    this.files.delete(name);
  }

  async replaceFile(name: string, bytes: Uint8Array): Promise<void> {
    this.#fail('replace');
    this.files.set(name, { bytes: Uint8Array.from(bytes), synced: bytes.length });
  }

  async readFile(name: string): Promise<Uint8Array | null> {
    return this.files.get(name)?.bytes.slice() ?? null;
  }

  openStore(): never {
    throw new Error('the gate needs no store');
  }

  async usage(): Promise<{ used: number; free: number }> {
    return { used: 0, free: 1 };
  }

  cutPower(tear: Tear): void {
    this.fault = null;
    for (const file of this.files.values()) {
      const { bytes, synced } = file;
      if (tear === 'lose') file.bytes = bytes.slice(0, synced);
      else if (typeof tear === 'number')
        file.bytes = bytes.slice(0, synced + Math.floor(tear * (bytes.length - synced)));
      else if (tear !== 'keep') {
        for (let at = synced, i = 0; at < bytes.length; i++) {
          const end = Math.min(bytes.length, (Math.floor(at / 512) + 1) * 512);
          if (tear[i % tear.length]) bytes.fill(0, at, end);
          at = end;
        }
      }
      file.synced = file.bytes.length;
    }
  }
}

const CHAIN = 'test-chain';
const secret: SecretKey = {
  suite: 'simulated',
  publicKey: new Uint8Array(16).fill(5),
  sign: (message) => sha256(message),
  prove: () => new Uint8Array(0),
  export: () => new Uint8Array(32),
};
const otherSecret: SecretKey = { ...secret, publicKey: new Uint8Array(16).fill(6) };
const FILE = gateFile({ chainId: CHAIN, publicKey: secret.publicKey });

const A = 'aa'.repeat(32);
const B = 'bb'.repeat(32);

function statement(kind: StatementKind, epoch: number, view: number, block = A): Statement {
  return kind === 'nullify' ? { kind, epoch, view } : { kind, epoch, view, block };
}

async function freshDisk(): Promise<TestDisk> {
  const disk = new TestDisk();
  await initialiseGate({ chainId: CHAIN, secret }, { disk });
  return disk;
}

const open = (disk: Disk, options: Partial<GateOptions> = {}): Promise<SigningGate> =>
  openGate({ chainId: CHAIN, secret, allowFresh: false, ...options }, { disk });

const kinds = (outcomes: readonly SignOutcome[]): string[] => outcomes.map(({ kind }) => kind);

async function signs(gate: SigningGate, ...statements: Statement[]): Promise<string[]> {
  return kinds(await gate.sign(statements));
}

describe('the rule of the signing gate', () => {
  it('signs with the key over the chain, epoch and kind', async () => {
    const suite = createEd25519Suite();
    const key = suite.secretFromSeed(new Uint8Array(32).fill(1));
    const disk = new TestDisk();
    const gate = await openGate({ chainId: CHAIN, secret: key, allowFresh: 'genesis' }, { disk });
    const vote = statement('notarize', 0, 1);
    const [outcome] = await gate.sign([vote]);
    if (outcome?.kind !== 'signed') throw new Error('refused');
    const message = signedBytes(CHAIN, vote);
    expect(suite.verify({ publicKey: key.publicKey, message, signature: outcome.signature })).toBe(true);
  });

  it('refuses a second digest of a kind, and returns the stored signature for the same statement', async () => {
    const gate = await open(await freshDisk());
    const [first] = await gate.sign([statement('notarize', 0, 3, A)]);
    expect(await signs(gate, statement('notarize', 0, 3, B))).toEqual(['refused']);
    expect(await gate.sign([statement('notarize', 0, 3, A)])).toEqual([first]);
    expect(await signs(gate, statement('finalize', 0, 3, A), statement('finalize', 0, 3, B))).toEqual([
      'signed',
      'refused',
    ]);
  });

  it('refuses nullify after finalize and finalize after nullify, also within one batch', async () => {
    const gate = await open(await freshDisk());
    expect(await signs(gate, statement('finalize', 0, 1), statement('nullify', 0, 1))).toEqual(['signed', 'refused']);
    expect(await signs(gate, statement('nullify', 0, 2), statement('finalize', 0, 2))).toEqual(['signed', 'refused']);
    expect(await signs(gate, statement('nullify', 0, 1))).toEqual(['refused']);
    expect(await signs(gate, statement('finalize', 0, 2))).toEqual(['refused']);
  });

  it('allows nullify with notarize, and finalize of a view after a later notarize', async () => {
    const gate = await open(await freshDisk());
    expect(await signs(gate, statement('notarize', 0, 1), statement('nullify', 0, 1))).toEqual(['signed', 'signed']);
    expect(await signs(gate, statement('notarize', 0, 3))).toEqual(['signed']);
    expect(await signs(gate, statement('finalize', 0, 2))).toEqual(['signed']);
  });

  it('refuses views at or below the floor, of that epoch only, and view 0', async () => {
    const disk = await freshDisk();
    const gate = await open(disk);
    expect(await signs(gate, statement('nullify', 0, 0))).toEqual(['refused']);
    await gate.raiseFloor(0, 5);
    expect(await signs(gate, statement('nullify', 0, 5), statement('nullify', 0, 6))).toEqual(['refused', 'signed']);
    expect(await signs(gate, statement('nullify', 1, 5))).toEqual(['signed']);
    await gate.raiseFloor(0, 2);
    expect(await signs(gate, statement('nullify', 0, 4))).toEqual(['refused']);
    const again = await open(disk);
    expect(await signs(again, statement('notarize', 0, 5))).toEqual(['refused']);
  });

  it('refuses epochs older than the one before the newest', async () => {
    const disk = await freshDisk();
    const gate = await open(disk);
    await gate.sign([statement('notarize', 0, 1), statement('notarize', 2, 1)]);
    expect(await signs(gate, statement('notarize', 0, 1), statement('notarize', 1, 1))).toEqual(['refused', 'signed']);
    expect(await signs(await open(disk), statement('nullify', 0, 9))).toEqual(['refused']);
  });

  it('knows what it issued, and does not accuse what it has forgotten', async () => {
    const gate = await open(await freshDisk());
    await gate.sign([statement('notarize', 1, 7)]);
    expect(gate.issued(statement('notarize', 1, 7))).toBe(true);
    expect(gate.issued(statement('notarize', 1, 7, B))).toBe(false);
    expect(gate.issued(statement('nullify', 1, 7))).toBe(false);
    expect(gate.issued(statement('notarize', 1, 8))).toBe(false);
    await gate.raiseFloor(1, 8);
    expect(gate.issued(statement('notarize', 1, 8))).toBe(true);
  });
});

describe('durability', () => {
  it('costs one append and one sync for a batch, none for a repetition', async () => {
    const disk = await freshDisk();
    const gate = await open(disk);
    const before = { syncs: disk.syncs, appends: disk.appends };
    const batch = [statement('notarize', 0, 1), statement('finalize', 0, 1), statement('notarize', 0, 2)];
    await gate.raiseFloor(0, 0);
    await gate.sign(batch);
    expect([disk.syncs - before.syncs, disk.appends - before.appends]).toEqual([1, 1]);
    await gate.sign(batch);
    expect([disk.syncs - before.syncs, disk.appends - before.appends]).toEqual([1, 1]);
  });

  it('answers nothing before the sync, and nothing at all after a failed one', async () => {
    for (const fault of ['append', 'half-append', 'sync'] as const) {
      const disk = await freshDisk();
      const gate = await open(disk);
      disk.fault = fault;
      await expect(gate.sign([statement('notarize', 0, 1)])).rejects.toThrow('injected');
      await expect(gate.sign([statement('notarize', 0, 1)])).rejects.toThrow('injected');
      await expect(gate.raiseFloor(0, 3)).rejects.toThrow('injected');
    }
  });

  it('serves overlapping calls one after another', async () => {
    const gate = await open(await freshDisk());
    const answers = await Promise.all([A, B, A].map((block) => gate.sign([statement('notarize', 0, 1, block)])));
    expect(answers.map(kinds)).toEqual([['signed'], ['refused'], ['signed']]);
  });

  it('makes durable what a killed process left in the cache before it relies on it', async () => {
    const disk = await freshDisk();
    const gate = await open(disk);
    disk.fault = 'sync';
    await expect(gate.sign([statement('notarize', 0, 1)])).rejects.toThrow();
    const again = await open(disk);
    expect(await signs(again, statement('notarize', 0, 1))).toEqual(['signed']);
    disk.cutPower('lose');
    expect(await signs(await open(disk), statement('notarize', 0, 1, B))).toEqual(['refused']);
  });

  it('keeps its log bounded and its memory of what it signed', async () => {
    const disk = await freshDisk();
    const gate = await open(disk);
    for (let view = 1; view <= 12_000; view += 100) {
      const views = Array.from({ length: 100 }, (_, i) => view + i);
      await gate.sign(views.flatMap((v) => [statement('notarize', 0, v), statement('finalize', 0, v)]));
      await gate.raiseFloor(0, view + 90);
    }
    expect(disk.files.get(FILE)?.bytes.length).toBeLessThan(1.2 * 2 ** 20);
    const again = await open(disk);
    const late = [
      statement('nullify', 0, 12_000),
      statement('notarize', 0, 11_999, B),
      statement('nullify', 0, 11_900),
    ];
    expect(await signs(again, ...late)).toEqual(['refused', 'refused', 'refused']);
    expect(await signs(again, statement('notarize', 0, 12_001))).toEqual(['signed']);
  });

  it('stops rather than growing without bound when nothing is ever finalized', async () => {
    const gate = await open(await freshDisk());
    const views = Array.from({ length: 65_536 }, (_, i) => statement('nullify', 0, i + 1));
    expect((await signs(gate, ...views)).every((kind) => kind === 'signed')).toBe(true);
    const [outcome] = await gate.sign([statement('nullify', 0, 70_000)]);
    expect(outcome).toMatchObject({ kind: 'refused', reason: expect.stringContaining('full') });
    expect(await signs(gate, statement('notarize', 0, 1))).toEqual(['signed']);
    await gate.raiseFloor(0, 10);
    expect(await signs(gate, statement('nullify', 0, 70_000))).toEqual(['signed']);
  });
});

describe('a damaged log', () => {
  async function written(): Promise<TestDisk> {
    const disk = await freshDisk();
    const gate = await open(disk);
    for (let view = 1; view <= 4; view++)
      await gate.sign([statement('notarize', 0, view), statement('finalize', 0, view)]);
    return disk;
  }
  const withLog = (bytes: Uint8Array): TestDisk => {
    const disk = new TestDisk();
    disk.files.set(FILE, { bytes, synced: bytes.length });
    return disk;
  };

  it('is refused when any bit of it is flipped, wherever', async () => {
    const log = (await written()).files.get(FILE)?.bytes ?? new Uint8Array(0);
    expect(log.length).toBeGreaterThan(600);
    for (let at = 0; at < log.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const flipped = Uint8Array.from(log);
        flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
        await expect(open(withLog(flipped)), `bit ${bit} of byte ${at}`).rejects.toMatchObject({
          code: 'gate/corrupt',
        });
      }
    }
  });

  it('loses an incomplete last frame and nothing else, at whatever length it was cut', async () => {
    const log = (await written()).files.get(FILE)?.bytes ?? new Uint8Array(0);
    let signed = 0;
    for (let length = log.length; length > 0; length--) {
      const disk = withLog(log.slice(0, length));
      const gate = await open(disk).catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'gate/corrupt' });
        return null;
      });
      if (gate === null) {
        expect(length).toBeLessThan(120); // not even the first frame, which was written as a whole file
        continue;
      }
      const known = [1, 2, 3, 4].filter((view) => gate.issued(statement('finalize', 0, view)));
      expect(known).toEqual([1, 2, 3, 4].slice(0, known.length));
      if (length === log.length) expect(known.length).toBe(4);
      signed = Math.max(signed, known.length);
      expect(await signs(gate, statement('notarize', 0, 9))).toEqual(['signed']);
      expect((await open(disk)).issued(statement('notarize', 0, 9))).toBe(true);
    }
    expect(signed).toBe(4);
  });

  it('is refused when it was never that of this key or chain', async () => {
    const disk = await written();
    const log = disk.files.get(FILE)?.bytes ?? new Uint8Array(0);
    disk.files.set(gateFile({ chainId: CHAIN, publicKey: otherSecret.publicKey }), { bytes: log, synced: log.length });
    await expect(open(disk, { secret: otherSecret })).rejects.toMatchObject({ code: 'gate/foreign-key' });
    disk.files.set(gateFile({ chainId: 'other', publicKey: secret.publicKey }), { bytes: log, synced: log.length });
    await expect(open(disk, { chainId: 'other' })).rejects.toMatchObject({ code: 'gate/foreign-key' });
  });
});

describe('whatever happens', () => {
  const anyStatement = fc
    .record({
      kind: fc.constantFrom<StatementKind>('notarize', 'nullify', 'finalize'),
      epoch: fc.integer({ min: 0, max: 3 }),
      view: fc.integer({ min: 1, max: 4 }),
      block: fc.constantFrom(A, B),
    })
    .map(({ kind, epoch, view, block }) => statement(kind, epoch, view, block));
  const anyTear: fc.Arbitrary<Tear> = fc.oneof(
    fc.constantFrom<Tear>('lose', 'keep'),
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }),
  );
  const action = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('sign' as const),
        batch: fc.array(anyStatement, { maxLength: 6 }),
        fault: fc.constantFrom<Fault>(null, null, null, 'append', 'half-append', 'sync'),
        tear: anyTear,
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('floor' as const),
        epoch: fc.integer({ min: 0, max: 3 }),
        view: fc.integer({ min: 1, max: 4 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('crash' as const), tear: anyTear }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('move' as const) }) },
  );

  const conflicts = (a: Statement, b: Statement): boolean => {
    const vote = (said: Statement) => ({ statement: said, signer: 0, signature: new Uint8Array(0) });
    return conflictOf(vote(a), vote(b)) !== null;
  };

  it('no two signatures that were ever returned conflict, and what is harmless is signed', async () => {
    let returnedInAll = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 25 }), async (actions) => {
        let disk = await freshDisk();
        let gate = await open(disk);
        const returned = new Map<string, { said: Statement; signature: string }>();
        const attempted: Statement[] = [];
        const raised: { epoch: number; view: number }[] = [];
        let floors: { epoch: number; view: number }[] = [];
        const reopen = async (): Promise<void> => {
          gate = await open(disk);
          floors = [];
        };
        for (const step of actions) {
          if (step.kind === 'floor') {
            await gate.raiseFloor(step.epoch, step.view);
            floors.push(step);
            raised.push(step);
          } else if (step.kind === 'crash') {
            disk.cutPower(step.tear);
            await reopen();
          } else if (step.kind === 'move') {
            const exported = await gate.export();
            disk = new TestDisk();
            gate = await open(disk);
            await gate.import(exported);
          } else {
            disk.fault = step.fault;
            const outcomes = await gate.sign(step.batch).catch(() => null);
            if (outcomes === null) {
              attempted.push(...step.batch);
              disk.cutPower(step.tear);
              await reopen();
              continue;
            }
            disk.fault = null;
            for (const outcome of outcomes) {
              const said = outcome.statement;
              const newest = Math.max(0, ...[...attempted, ...raised, ...step.batch].map(({ epoch }) => epoch));
              const harmless =
                !attempted.some((other) => conflicts(other, said)) &&
                said.epoch >= newest - 1 &&
                !raised.some(({ epoch, view }) => epoch === said.epoch && view >= said.view);
              if (outcome.kind === 'refused') {
                expect(harmless && !step.batch.some((other) => conflicts(other, said))).toBe(false);
                continue;
              }
              returnedInAll++;
              expect(floors.some(({ epoch, view }) => epoch === said.epoch && view >= said.view)).toBe(false);
              for (const earlier of returned.values()) expect(conflicts(earlier.said, said)).toBe(false);
              const name = JSON.stringify(said);
              const signature = toHex(outcome.signature);
              expect(returned.get(name)?.signature ?? signature).toBe(signature);
              returned.set(name, { said, signature });
            }
            attempted.push(...step.batch);
          }
        }
      }),
      { numRuns: 400, seed: 20 },
    );
    expect(returnedInAll).toBeGreaterThan(500);
  });
});

describe('a gate without a record', () => {
  it('observes until an epoch boundary that it saw live, through restarts', async () => {
    const disk = new TestDisk();
    let gate = await open(disk);
    expect(gate.status).toMatchObject({ kind: 'observer', silentThrough: null });
    expect(await signs(gate, statement('notarize', 9, 1))).toEqual(['refused']);
    await gate.enterEpoch(3, { live: false });
    gate = await open(disk);
    expect(gate.status).toMatchObject({ kind: 'observer', silentThrough: 3 });
    await gate.enterEpoch(3, { live: true });
    expect(await signs(gate, statement('notarize', 3, 1), statement('notarize', 4, 1))).toEqual(['refused', 'refused']);
    await gate.enterEpoch(4, { live: false }); // caught up from history: it may have voted in 4 before its record was lost
    expect(await signs(gate, statement('notarize', 4, 1))).toEqual(['refused']);
    await gate.enterEpoch(5, { live: true });
    expect(gate.status).toEqual({ kind: 'ready' });
    expect(await signs(gate, statement('notarize', 4, 1), statement('notarize', 5, 1))).toEqual(['refused', 'signed']);
    gate = await open(disk);
    expect(gate.status).toEqual({ kind: 'ready' });
    expect(await signs(gate, statement('notarize', 4, 2), statement('notarize', 5, 2))).toEqual(['refused', 'signed']);
    expect(gate.neverSigned).toBe(false);
  });

  it('needs to have been somewhere before a boundary means anything', async () => {
    const gate = await open(new TestDisk());
    await gate.enterEpoch(7, { live: true });
    expect(gate.status).toMatchObject({ kind: 'observer', silentThrough: 7 });
  });

  it('treats a record of another key as none, and leaves that record alone', async () => {
    const disk = await freshDisk();
    const first = await open(disk);
    await first.sign([statement('notarize', 0, 1)]);
    const second = await open(disk, { secret: otherSecret });
    expect(second.status.kind).toBe('observer');
    expect((await open(disk)).issued(statement('notarize', 0, 1))).toBe(true);
  });

  it('votes at once when the key is new, or when an operator vouches for it, which is logged', async () => {
    const lines: string[] = [];
    const log = (level: string, message: string): void => {
      lines.push(`${level}: ${message}`);
    };
    const genesis = await openGate({ chainId: CHAIN, secret, allowFresh: 'genesis' }, { disk: new TestDisk(), log });
    expect(genesis.neverSigned).toBe(true);
    expect(await signs(genesis, statement('notarize', 0, 1))).toEqual(['signed']);
    expect(genesis.neverSigned).toBe(false);
    const disk = new TestDisk();
    await (await open(disk)).enterEpoch(2, { live: false });
    const vouched = await openGate({ chainId: CHAIN, secret, allowFresh: 'operator' }, { disk, log });
    expect(await signs(vouched, statement('notarize', 2, 1))).toEqual(['signed']);
    expect((await open(disk)).status.kind).toBe('ready');
    expect(lines.some((line) => line.startsWith('warn: an operator vouches'))).toBe(true);
  });

  it('is initialised once', async () => {
    const disk = await freshDisk();
    await expect(initialiseGate({ chainId: CHAIN, secret }, { disk })).rejects.toMatchObject({ code: 'gate/conflict' });
    expect((await open(disk)).status.kind).toBe('ready');
  });
});

describe('what was signed', () => {
  it('is told above the floor of each epoch, also after a restart', async () => {
    const disk = await freshDisk();
    const gate = await open(disk);
    const above = [statement('notarize', 3, 5), statement('finalize', 3, 5), statement('nullify', 3, 6)];
    await gate.sign([statement('nullify', 2, 9), statement('notarize', 3, 4)]);
    await gate.raiseFloor(3, 4);
    await gate.sign([...above].reverse());
    for (const one of [gate, await open(disk)]) {
      expect(one.signed(3)).toEqual({ floor: 4, statements: above });
      expect(one.signed(2)).toEqual({ floor: 0, statements: [statement('nullify', 2, 9)] });
      expect(one.signed(4)).toEqual({ floor: 0, statements: [] });
      expect(one.signed(1)).toEqual({ floor: Number.MAX_SAFE_INTEGER, statements: [] });
    }
  });
});

describe('export and import', () => {
  it('moves the marks to another home', async () => {
    const gate = await open(await freshDisk());
    await gate.sign([statement('notarize', 0, 5), statement('finalize', 0, 5), statement('nullify', 1, 2)]);
    await gate.raiseFloor(0, 3);
    const exported = await gate.export();
    const moved = await open(new TestDisk());
    expect(moved.status.kind).toBe('observer');
    await moved.import(exported);
    expect(moved.status.kind).toBe('ready');
    expect(await moved.export()).toEqual(exported);
    const rivals = [statement('notarize', 0, 5, B), statement('nullify', 0, 5), statement('notarize', 0, 3)];
    expect(await signs(moved, ...rivals)).toEqual(['refused', 'refused', 'refused']);
    expect(await moved.sign([statement('notarize', 0, 5)])).toEqual(await gate.sign([statement('notarize', 0, 5)]));
  });

  it('joins two states: union, and the higher floor', async () => {
    const [one, two] = [await open(await freshDisk()), await open(await freshDisk())];
    await one.sign([statement('notarize', 0, 4), statement('nullify', 0, 9)]);
    await two.sign([statement('notarize', 0, 4), statement('finalize', 0, 8)]);
    await two.raiseFloor(0, 6);
    await one.import(await two.export());
    const probes = [statement('notarize', 0, 6), statement('nullify', 0, 8), statement('finalize', 0, 9)];
    expect(await signs(one, ...probes)).toEqual(['refused', 'refused', 'refused']);
    expect(await signs(one, statement('notarize', 0, 7))).toEqual(['signed']);
  });

  it('refuses states that convict the key together, and changes nothing', async () => {
    const disk = await freshDisk();
    const [one, two] = [await open(disk), await open(await freshDisk())];
    await one.sign([statement('notarize', 0, 4, A)]);
    await two.sign([statement('notarize', 0, 4, B), statement('notarize', 0, 5)]);
    const before = disk.files.get(FILE)?.bytes;
    await expect(one.import(await two.export())).rejects.toMatchObject({ code: 'gate/conflict' });
    expect(disk.files.get(FILE)?.bytes).toEqual(before);
    expect(one.issued(statement('notarize', 0, 5))).toBe(false);
    expect(await signs(one, statement('nullify', 0, 6))).toEqual(['signed']);
  });

  it('refuses any damage, another key and another chain', async () => {
    const gate = await open(await freshDisk());
    await gate.sign([statement('notarize', 0, 4)]);
    const exported = await gate.export();
    for (let at = 0; at < exported.length; at++) {
      const flipped = Uint8Array.from(exported);
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      await expect(gate.import(flipped)).rejects.toMatchObject({ code: 'gate/corrupt' });
      await expect(gate.import(exported.slice(0, at))).rejects.toMatchObject({ code: 'gate/corrupt' });
    }
    const foreign = await open(new TestDisk(), { secret: otherSecret });
    await expect(foreign.import(exported)).rejects.toMatchObject({ code: 'gate/foreign-key' });
    const elsewhere = await open(new TestDisk(), { chainId: 'elsewhere' });
    await expect(elsewhere.import(exported)).rejects.toMatchObject({ code: 'gate/foreign-key' });
  });

  it('of a silent gate leaves the importer silent', async () => {
    const silent = await open(new TestDisk());
    await silent.enterEpoch(4, { live: false });
    const importer = await open(new TestDisk());
    await importer.enterEpoch(2, { live: false });
    await importer.import(await silent.export());
    expect(importer.status).toMatchObject({ kind: 'observer', silentThrough: 4 });
  });
});

describe('formats', () => {
  it('are what they were', () => {
    expect({
      record: conformance(gateRecordCodec, sha256),
      export: conformance(gateExportCodec, sha256),
    }).toMatchInlineSnapshot(`
      {
        "export": "6da6f1fdb9578cb6a8cc9a9bc1673f8a09dc440dce0cbe036d26f1f7ccf34a92",
        "record": "7db26e53df7c901bc51dc71e5308965a9572a3d0dcaa63acc115da3f2321101d",
      }
    `);
  });
});
