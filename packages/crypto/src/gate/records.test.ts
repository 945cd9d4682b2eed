import { conformance } from '@quorate/kernel';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../hash.ts';
import { CHAIN, FILE, freshDisk, open, otherSecret, secret, signs, statement, TestDisk } from './gate.fixture.ts';
import { gateRecordCodec } from './records.ts';
import { gateFile } from './state.ts';
import { gateExportCodec } from './transfer.ts';

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
