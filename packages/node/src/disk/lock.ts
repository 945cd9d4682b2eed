import { link, readFile, readlink, rename, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { QuorateError } from '@quorate/kernel';
import { alreadyExists, diskError, isMissing } from './failures.ts';

/** Who holds a home: a process is told from a later one with the same number by its start time, and across machines and containers by `host`. */
interface Owner {
  readonly pid: number;
  readonly started: string;
  readonly host: string;
}

const NAME = '.lock';
const BEAT_MS = 2000;
/** An owner that we cannot look up (another container on this volume) is dead when its lock is not touched for so long. */
const SILENCE_MS = 3 * BEAT_MS;
const MAX_CHAIN = 32;

/** Keeps a home folder to one process. Released by {@link release}, or by the death of the process. */
export class HomeLock {
  readonly #path: string;
  readonly #beat: NodeJS.Timeout;

  private constructor(path: string) {
    this.#path = path;
    this.#beat = setInterval(() => {
      const now = new Date();
      utimes(path, now, now).catch(() => {});
    }, BEAT_MS);
    this.#beat.unref();
  }

  /** Takes the lock of `home`. Throws `gate/locked` with who holds it. */
  static async acquire(home: string): Promise<HomeLock> {
    const base = join(home, NAME);
    const own = await describeProcess(process.pid);
    const draft = `${base}.${process.pid}.${Math.random().toString(36).slice(2)}`;
    try {
      await writeFile(draft, JSON.stringify(own), { mode: 0o600, flag: 'wx' });
      await claim(base, draft, own, home);
      return new HomeLock(base);
    } catch (error) {
      throw diskError(error, 'lock', home);
    } finally {
      await unlink(draft).catch(() => {});
    }
  }

  async release(): Promise<void> {
    clearInterval(this.#beat);
    await unlink(this.#path).catch(() => {});
  }
}

/**
 * The lock of a dead owner is not removed, which two processes could do at once: its name plus the dead owner's identity is
 * the next name in a chain, and creating a name is atomic. The creator moves its lock to the front, and a rival that was
 * late finds the live owner there when it looks again.
 */
async function claim(base: string, draft: string, own: Owner, home: string): Promise<void> {
  let path = base;
  for (let depth = 0; depth < MAX_CHAIN; depth++) {
    try {
      await link(draft, path);
    } catch (error) {
      if (!alreadyExists(error)) throw error;
      const owner = await readOwner(path);
      if (owner === null) continue; // released between our two looks
      if (await isAlive(owner, path)) throw held(home, owner);
      path = `${base}-after-${owner.pid}-${owner.started}`;
      continue;
    }
    if (path !== base) {
      const front = await readOwner(base);
      if (front !== null && (await isAlive(front, base))) {
        await unlink(path);
        throw held(home, front);
      }
      await rename(path, base);
    }
    const front = await readOwner(base);
    if (front?.pid !== own.pid || front.started !== own.started) throw held(home, front);
    return;
  }
  throw new QuorateError(
    'gate/locked',
    `${home} has too many stale locks: remove ${base}* if no node uses this folder`,
  );
}

function held(home: string, owner: Owner | null): QuorateError {
  const who = owner === null ? 'another process' : `process ${owner.pid} on ${owner.host.split('/')[0]}`;
  return new QuorateError(
    'gate/locked',
    `${home} is in use by ${who}: stop that node first, one home serves one process`,
  );
}

async function readOwner(path: string): Promise<Owner | null> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof value === 'object' && value !== null && 'pid' in value && 'started' in value && 'host' in value) {
      return { pid: Number(value.pid), started: String(value.started), host: String(value.host) };
    }
  } catch (error) {
    if (isMissing(error)) return null;
  }
  return { pid: 0, started: 'unreadable', host: '' };
}

async function isAlive(owner: Owner, path: string): Promise<boolean> {
  if (owner.pid === 0) return false; // a lock is linked whole or not at all: this is not one of ours
  if (owner.host === (await describeHost())) return (await describeProcess(owner.pid)).started === owner.started;
  const touched = async (): Promise<number> => (await stat(path)).mtimeMs;
  const before = await touched();
  await new Promise((resolve) => setTimeout(resolve, SILENCE_MS));
  return (await touched()) !== before;
}

/** Host name, boot and process namespace: where a process number means what it means here. */
async function describeHost(): Promise<string> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  const namespace = await readlink('/proc/self/ns/pid').catch(() => '');
  return `${hostname()}/${boot.trim()}/${namespace}`;
}

async function describeProcess(pid: number): Promise<Owner> {
  return { pid, started: await startOf(pid), host: await describeHost() };
}

/** The start of a process in clock ticks since boot; `gone`, or `unknown` where there is no /proc. */
async function startOf(pid: number): Promise<string> {
  try {
    const line = await readFile(`/proc/${pid}/stat`, 'utf8');
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' '); // the name before it may hold anything
    if (fields[0] === 'Z') return 'gone';
    return fields[19] ?? 'unknown';
  } catch {
    if (await stat('/proc/self/stat').catch(() => null)) return 'gone';
  }
  try {
    process.kill(pid, 0);
    return 'unknown';
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM' ? 'unknown' : 'gone';
  }
}
