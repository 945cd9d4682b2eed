import { describe, expect, it } from 'vitest';
import { A, B, FILE, freshDisk, kinds, open, signs, statement } from './gate.fixture.ts';

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
