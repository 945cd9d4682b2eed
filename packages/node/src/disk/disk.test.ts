import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NodeDisk } from './node-disk.ts';

let home: string;
let disk: NodeDisk;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'quorate-home-'));
  disk = await NodeDisk.open(home);
});
afterEach(async () => {
  await disk.close();
  await rm(home, { recursive: true, force: true });
});

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const mode = async (name: string): Promise<string> => ((await stat(join(home, name))).mode & 0o777).toString(8);

describe('the home folder', () => {
  test('files are the owner’s alone', async () => {
    await disk.replaceFile('keys/validator.json', text('secret'));
    const file = await disk.openFile('journal/1');
    await file.close();
    await (await disk.openStore('store/chain')).close();
    expect(await mode('keys/validator.json')).toBe('600');
    expect(await mode('journal/1')).toBe('600');
    for (const folder of ['keys', 'journal', 'store', 'store/chain']) expect(await mode(folder)).toBe('700');
    for (const file of await readdir(join(home, 'store/chain'))) expect(await mode(`store/chain/${file}`)).toBe('600');
  });

  test.each(['../outside', 'a/../../b', '/etc/passwd', '', 'a//b', '.lock', 'a/.hidden', 'a\0b', 'a\\b'])(
    'the name %j is refused',
    async (name) => {
      await expect(disk.openFile(name)).rejects.toMatchObject({ code: 'disk/failed' });
      await expect(disk.readFile(name)).rejects.toMatchObject({ code: 'disk/failed' });
      expect(() => disk.replaceFile(name, text('x'))).toThrow(expect.objectContaining({ code: 'disk/failed' }));
    },
  );

  test('drafts of a crashed replacement go, the files stay and stores list nothing', async () => {
    await disk.replaceFile('gate/state', text('old'));
    await (await disk.openStore('chain')).close();
    await disk.close();
    await writeFile(join(home, 'gate/.draft-3'), 'half');
    disk = await NodeDisk.open(home);
    expect(await readdir(join(home, 'gate'))).toEqual(['state']);
    expect(await disk.listFiles('')).toEqual(['gate/state']);
  });

  test('a folder that cannot be written is a failed disk, and stays one', async () => {
    const file = await disk.openFile('journal/1');
    await file.append([text('a')]);
    await mkdir(join(home, 'blocked'));
    await symlink('/dev/full', join(home, 'blocked/full'));
    const full = await disk.openFile('blocked/full');
    await expect(full.append([text('x')])).rejects.toMatchObject({ code: 'disk/full' });
    await expect(full.sync()).rejects.toMatchObject({ code: 'disk/full' });
    await chmod(join(home, 'journal'), 0o700);
    await file.close();
  });

  test('usage counts files and tells what is free', async () => {
    const before = await disk.usage();
    await disk.replaceFile('big', new Uint8Array(3 << 20));
    const after = await disk.usage();
    expect(after.used - before.used).toBeGreaterThanOrEqual(3 << 20);
    expect(after.free).toBeGreaterThan(0);
  });
});

describe('the lock of a home', () => {
  test('a second opening is refused, in this process', async () => {
    await expect(NodeDisk.open(home)).rejects.toMatchObject({
      code: 'gate/locked',
      message: expect.stringContaining(`process ${process.pid}`),
    });
    await disk.close();
    disk = await NodeDisk.open(home);
  });

  test('what a dead process left is taken over, by one only', async () => {
    await disk.close();
    const dead = { pid: 4_194_000, started: '1', host: JSON.parse(await lockOf(home)).host };
    await writeFile(join(home, '.lock'), JSON.stringify(dead));
    const attempts = await Promise.allSettled(Array.from({ length: 8 }, () => NodeDisk.open(home)));
    const won = attempts.flatMap((attempt) => (attempt.status === 'fulfilled' ? [attempt.value] : []));
    expect(won).toHaveLength(1);
    for (const attempt of attempts) {
      if (attempt.status === 'rejected') expect(attempt.reason).toMatchObject({ code: 'gate/locked' });
    }
    disk = won[0] ?? disk;
    expect((await readdir(home)).filter((name) => name.startsWith('.lock'))).toEqual(['.lock']);
  });

  test('a process that got the number of a dead one does not hold its lock', async () => {
    await disk.close();
    const lock = JSON.parse(await lockOf(home));
    await writeFile(join(home, '.lock'), JSON.stringify({ ...lock, started: '1' }));
    disk = await NodeDisk.open(home);
  });

  test('a lock of another container is honoured while it is touched, taken over when it is not', async () => {
    await disk.close();
    const lock = JSON.parse(await lockOf(home));
    await writeFile(join(home, '.lock'), JSON.stringify({ ...lock, host: 'elsewhere/x/y' }));
    disk = await NodeDisk.open(home);
  }, 20_000);
});

async function lockOf(folder: string): Promise<string> {
  const other = await NodeDisk.open(folder);
  const lock = await readFile(join(folder, '.lock'), 'utf8');
  await other.close();
  return lock;
}

describe('stores', () => {
  const fill = async (count: number): Promise<void> => {
    const store = await disk.openStore('chain');
    await store.write(
      Array.from({ length: count }, (_, i) => ({
        key: Uint8Array.of(i >> 8, i & 0xff),
        value: new Uint8Array(500).fill(i),
      })),
    );
    await store.close();
  };
  const path = (): string => join(home, 'chain/data.mdb');

  test('a store grows past any first size', async () => {
    const store = await disk.openStore('chain');
    for (let i = 0; i < 12; i++) await store.write([{ key: Uint8Array.of(i), value: new Uint8Array(4 << 20).fill(i) }]);
    expect(store.get(Uint8Array.of(11))?.[0]).toBe(11);
    await store.close();
  });

  test('a file that is not a store is refused', async () => {
    await mkdir(join(home, 'chain'));
    await writeFile(path(), 'garbage'.repeat(2000));
    await expect(disk.openStore('chain')).rejects.toMatchObject({ code: 'store/corrupt' });
  });

  test.each([0.3, 0.6, 0.9])('a store cut to %d of its size is refused, and left as it was', async (part) => {
    await fill(2000);
    const { size } = await stat(path());
    await truncate(path(), Math.floor(size * part));
    await expect(disk.openStore('chain')).rejects.toMatchObject({
      code: 'store/corrupt',
      message: expect.stringContaining('was cut'),
    });
    expect((await stat(path())).size).toBe(Math.floor(size * part));
  });

  test('a flipped bit in a value is found when the value is read', async () => {
    await fill(2000);
    const bytes = await readFile(path());
    const at = bytes.indexOf(Buffer.alloc(400, 77));
    bytes[at + 100] = (bytes[at + 100] ?? 0) ^ 1;
    await writeFile(path(), bytes);
    const store = await disk.openStore('chain');
    expect(() => [...store.range({})]).toThrow(expect.objectContaining({ code: 'store/corrupt' }));
    await store.close();
  });

  test('an abandoned range does not hold on to old pages', async () => {
    const store = await disk.openStore('chain');
    const write = (i: number): Promise<void> =>
      store.write([{ key: Uint8Array.of(1), value: new Uint8Array(1 << 20).fill(i) }]);
    await write(0);
    for (let i = 0; i < 40; i++) {
      for (const _ of store.range({})) break;
      await write(i);
    }
    expect((await stat(path())).size).toBeLessThan(8 << 20);
    await store.close();
  });
});
