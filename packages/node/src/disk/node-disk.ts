import { chmod, mkdir, open, readdir, readFile, rename, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Disk, type DiskFile, QuorateError, type Store } from '@quorate/kernel';
import { guarded, isMissing } from './failures.ts';
import { NodeFile } from './file.ts';
import { HomeLock } from './lock.ts';
import { LmdbStore } from './store.ts';
import { STORE_FILE } from './store-file.ts';

/** Parts of a name: no dots in front, so neither `..` nor our own temporary files can be named. */
const PART = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/** The home folder of one node: files 0600, folders 0700, one process at a time. */
export class NodeDisk implements Disk {
  readonly home: string;
  readonly #lock: HomeLock;
  readonly #open = new Set<{ close(): Promise<void> }>();
  /** Replacements of one file must not overtake each other. */
  readonly #replacing = new Map<string, Promise<void>>();
  #temporary = 0;

  private constructor(home: string, lock: HomeLock) {
    this.home = home;
    this.#lock = lock;
  }

  /** Opens the folder, creating it when needed. Throws `gate/locked` while another process uses it. */
  static async open(home: string): Promise<NodeDisk> {
    await guarded('create', home, () => mkdir(home, { recursive: true, mode: 0o700 }));
    const lock = await HomeLock.acquire(home);
    const disk = new NodeDisk(home, lock);
    await disk.#sweep('');
    return disk;
  }

  async openFile(name: string): Promise<DiskFile> {
    const path = this.#path(name);
    await this.#folder(name);
    const isNew = await stat(path).then(() => false, isMissing);
    const file = await NodeFile.open(name, path);
    if (isNew) await this.#syncFolders(name); // or a crash forgets that it exists
    return this.#track(file);
  }

  async listFiles(prefix: string): Promise<string[]> {
    const folder = prefix.includes('/') ? prefix.slice(0, prefix.lastIndexOf('/')) : '';
    if (folder !== '') this.#path(folder);
    const names = await guarded('list', prefix, () => this.#walk(folder));
    return names.filter((name) => name.startsWith(prefix)).sort();
  }

  async removeFile(name: string): Promise<void> {
    const path = this.#path(name);
    await guarded('remove', name, async () => {
      await rm(path, { force: true });
      await syncFolder(dirname(path)).catch((error: unknown) => {
        if (!isMissing(error)) throw error;
      });
    });
  }

  replaceFile(name: string, bytes: Uint8Array): Promise<void> {
    const path = this.#path(name);
    const copy = new Uint8Array(bytes);
    const before = this.#replacing.get(name) ?? Promise.resolve();
    const done = before.catch(() => {}).then(() => this.#replace(name, path, copy));
    this.#replacing.set(name, done);
    const forget = (): void => {
      if (this.#replacing.get(name) === done) this.#replacing.delete(name);
    };
    done.then(forget, forget);
    return done;
  }

  async readFile(name: string): Promise<Uint8Array | null> {
    const path = this.#path(name);
    return guarded('read', name, async () => {
      try {
        return new Uint8Array(await readFile(path));
      } catch (error) {
        if (isMissing(error)) return null;
        throw error;
      }
    });
  }

  async openStore(name: string): Promise<Store> {
    const path = this.#path(name);
    await this.#folder(`${name}/${STORE_FILE}`);
    const store = await LmdbStore.open(name, path);
    await guarded('protect', name, async () => {
      for (const file of await readdir(path)) await chmod(join(path, file), 0o600);
    });
    await this.#syncFolders(`${name}/${STORE_FILE}`);
    return this.#track(store);
  }

  async usage(): Promise<{ readonly used: number; readonly free: number }> {
    return guarded('measure', this.home, async () => {
      const { bavail, bsize } = await statfs(this.home);
      return { used: await sizeOf(this.home), free: bavail * bsize };
    });
  }

  /** Closes what is still open and gives the folder back. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.#open].map((each) => each.close()));
    await Promise.allSettled(this.#replacing.values());
    await this.#lock.release();
  }

  #track<T extends { close(): Promise<void> }>(opened: T): T {
    this.#open.add(opened);
    const close = opened.close.bind(opened);
    opened.close = async () => {
      this.#open.delete(opened);
      await close();
    };
    return opened;
  }

  #path(name: string): string {
    if (!name.split('/').every((part) => PART.test(part))) {
      throw new QuorateError('disk/failed', `${JSON.stringify(name)} is not a name below the home folder`);
    }
    return join(this.home, name);
  }

  async #folder(name: string): Promise<void> {
    const folder = dirname(join(this.home, name));
    await guarded('create the folder of', name, () => mkdir(folder, { recursive: true, mode: 0o700 }));
  }

  /** Makes the entry of a new file durable, and those of the folders that may be new with it. */
  async #syncFolders(name: string): Promise<void> {
    await guarded('sync the folder of', name, async () => {
      for (let part = dirname(name); ; part = dirname(part)) {
        await syncFolder(join(this.home, part));
        if (part === '.') return;
      }
    });
  }

  async #replace(name: string, path: string, bytes: Uint8Array): Promise<void> {
    await this.#folder(name);
    const draft = join(dirname(path), `.draft-${this.#temporary++}`);
    await guarded('replace', name, async () => {
      const isNew = await stat(path).then(() => false, isMissing);
      try {
        const file = await open(draft, 'w', 0o600);
        try {
          await file.writeFile(bytes);
          await file.sync();
        } finally {
          await file.close();
        }
        await rename(draft, path);
      } catch (error) {
        await rm(draft, { force: true }).catch(() => {});
        throw error;
      }
      if (isNew) await this.#syncFolders(name);
      else await syncFolder(dirname(path));
    });
  }

  async #walk(folder: string): Promise<string[]> {
    const names: string[] = [];
    const entries = await readdir(join(this.home, folder), { withFileTypes: true }).catch((error: unknown) => {
      if (isMissing(error)) return [];
      throw error;
    });
    if (entries.some((entry) => entry.name === STORE_FILE)) return []; // the inside of a store is not ours to name
    for (const entry of entries) {
      if (!PART.test(entry.name)) continue;
      const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) names.push(...(await this.#walk(name)));
      else if (entry.isFile()) names.push(name);
    }
    return names;
  }

  /** Removes drafts that a crash left behind. */
  async #sweep(folder: string): Promise<void> {
    await guarded('tidy', this.home, async () => {
      for (const entry of await readdir(join(this.home, folder), { withFileTypes: true })) {
        const name = join(folder, entry.name);
        if (entry.isFile() && entry.name.startsWith('.draft-')) await rm(join(this.home, name), { force: true });
        else if (entry.isDirectory() && PART.test(entry.name)) await this.#sweep(name);
      }
    });
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Bytes that the files below `path` occupy; sparse parts do not count. */
async function sizeOf(path: string): Promise<number> {
  let size = 0;
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const inner = join(path, entry.name);
    if (entry.isDirectory()) size += await sizeOf(inner);
    else if (entry.isFile()) {
      // Files come and go while we look.
      size += await stat(inner).then(
        ({ blocks }) => 512 * blocks,
        () => 0,
      );
    }
  }
  return size;
}
