import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NodeDisk } from './node-disk.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'quorate-crash-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const built = new URL('../../dist/disk/node-disk.js', import.meta.url);

/** Writes for ever: a record to a file and a batch to a store, and says after each what is durable. */
const WRITER = `
  import { NodeDisk } from ${JSON.stringify(built.href)};
  const disk = await NodeDisk.open(process.argv[1]);
  const file = await disk.openFile('journal/1');
  const store = await disk.openStore('chain');
  for (let i = file.size() / 4 + 1; ; i++) {
    const value = new Uint8Array(4);
    new DataView(value.buffer).setUint32(0, i);
    await file.append([value]);
    await file.sync();
    await store.write(Array.from({ length: 20 }, (_, k) => ({ key: Uint8Array.of(k), value })));
    process.stdout.write(i + '\\n');
  }`;

function numberAt(bytes: Uint8Array | undefined, offset = 0): number {
  if (bytes === undefined) return 0;
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset);
}

describe('a process that is killed', () => {
  test.skipIf(!existsSync(built))('loses nothing that it was promised, and its home is free at once', async () => {
    let total = 0;
    for (let round = 0; round < 8; round++) {
      const child = spawn(process.execPath, ['--input-type=module', '-e', WRITER, home], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let said = '';
      child.stdout.on('data', (chunk) => {
        said += chunk;
      });
      await once(child.stdout, 'data');
      await expect(NodeDisk.open(home)).rejects.toMatchObject({ code: 'gate/locked' });
      await new Promise((resolve) => setTimeout(resolve, 7 * round));
      child.kill('SIGKILL');
      await once(child, 'close');
      const promised = Number(said.trim().split('\n').at(-1));

      const disk = await NodeDisk.open(home);
      const records = (await disk.readFile('journal/1')) ?? new Uint8Array();
      expect(records.length).toBeGreaterThanOrEqual(4 * promised);
      for (let i = 1; i <= Math.floor(records.length / 4); i++) expect(numberAt(records, 4 * (i - 1))).toBe(i);
      const store = await disk.openStore('chain');
      const values = new Set([...store.range({})].map(([, value]) => numberAt(value)));
      expect(values.size).toBe(1); // a batch is there as a whole or not at all
      const [value = 0] = values;
      expect(value).toBeGreaterThanOrEqual(promised);
      expect(promised).toBeGreaterThan(total);
      total = promised;
      if (records.length % 4 !== 0) await disk.removeFile('journal/1');
      await disk.close();
    }
  });
});

describe('a full disk', () => {
  const folder = (): string => join(home, 'small');

  /** A file system of 6 MiB, where we may mount one. */
  function mount(): boolean {
    try {
      execFileSync('mkdir', [folder()]);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', folder()], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  }

  test('refuses a store write while there is still a little room, before the database can fail on it', async (context) => {
    if (!mount()) return context.skip('no right to mount a small file system');
    try {
      const disk = await NodeDisk.open(join(folder(), 'home'));
      const store = await disk.openStore('x');
      await store.write([{ key: Uint8Array.of(1), value: Uint8Array.of(1) }]);
      const { bavail, bsize } = await statfs(folder());
      await writeFile(join(folder(), 'ballast'), new Uint8Array(bavail * bsize - 600_000));
      const small = [{ key: Uint8Array.of(2), value: Uint8Array.of(2) }];
      await expect(store.write(small)).rejects.toEqual(expect.objectContaining({ code: 'disk/full' }));
      await disk.close();
    } finally {
      execFileSync('umount', [folder()]);
    }
  });

  test('stops files and stores with disk/full, keeps what was promised, and goes on once there is room', async (context) => {
    if (!mount()) return context.skip('no right to mount a small file system');
    try {
      const disk = await NodeDisk.open(join(folder(), 'home'));
      const store = await disk.openStore('chain');
      let kept = 0;
      const full = expect.objectContaining({ code: 'disk/full' });
      const fill = async (): Promise<void> => {
        for (; kept < 100; kept++) {
          await store.write([{ key: Uint8Array.of(kept), value: new Uint8Array(500_000).fill(kept) }]);
        }
      };
      await expect(fill()).rejects.toEqual(full);
      await expect(store.write([{ key: Uint8Array.of(1), value: null }])).rejects.toEqual(full);
      await expect(disk.replaceFile('gate/state', new Uint8Array(5 << 20))).rejects.toEqual(full);
      const file = await disk.openFile('journal/1');
      await expect(Promise.all([1, 2, 3].map(() => file.append([new Uint8Array(2 << 20)])))).rejects.toEqual(full);
      await disk.close();

      const again = await NodeDisk.open(join(folder(), 'home'));
      await again.removeFile('journal/1');
      const reopened = await again.openStore('chain');
      expect([...reopened.range({})].length).toBe(kept);
      await reopened.write([{ key: Uint8Array.of(0), value: null }]);
      await reopened.write([{ key: Uint8Array.of(200), value: new Uint8Array(1000) }]);
      expect([...reopened.range({})].length).toBe(kept);
      await again.close();
    } finally {
      execFileSync('umount', [folder()]);
    }
  });
});
