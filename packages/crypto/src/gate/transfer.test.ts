import { describe, expect, it } from 'vitest';
import { A, B, FILE, freshDisk, open, otherSecret, signs, statement, TestDisk } from './gate.fixture.ts';

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
