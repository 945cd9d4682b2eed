import { copyOf, type DiskFile, isQuorateError, QuorateError, type Store, type StoreWrite } from '@quorate/kernel';
import type { Choice } from '../decisions.ts';
import { type PlatterFile, SECTOR } from '../platter.ts';
import type { SortedMap } from '../sorted-map.ts';
import type { Operation } from './faults.ts';

const MAX_KEY = 511;

/** What a file or a store that is open needs of the disk below it. */
export interface Below {
  /** Resolves with the outcome of `apply` when the disk has come to it. */
  submit<T>(operation: Operation, place: string, apply: (fault: Choice | null) => T): Promise<T>;
  /** What goes wrong with a read that takes no time. */
  ask(operation: Operation, place: string, older: boolean): Choice | null;
  /** Room for so many bytes more, now. */
  room(): number;
  /** Throws `disk/full` when so many bytes do not fit. */
  reserve(bytes: number, fault: Choice | null): void;
  /** Throws `disk/failed` when a sync fails. */
  confirm(fault: Choice | null): void;
  /** Puts bytes where a choice says; the bytes of a sector that a choice names. */
  overwrite(choice: Choice, bytes: Uint8Array): void;
  sectorAt(choice: Choice): Uint8Array;
}

export function openFile(below: Below, name: string, file: PlatterFile): DiskFile {
  let closed = false;
  const submit = <T>(operation: Operation, apply: (fault: Choice | null) => T): Promise<T> =>
    closed
      ? Promise.reject(new QuorateError('disk/failed', `file ${name} is closed`))
      : below.submit(operation, name, apply);
  return {
    name,
    size: () => file.size,
    append: (parts) => {
      const copies = parts.map(copyOf);
      return submit('append', (fault) => {
        for (const copy of copies) {
          if (fault?.kind === 'full' || copy.length > below.room()) {
            const fits = Math.min(below.room(), fault?.kind === 'full' ? copy.length >> 1 : copy.length);
            file.append(copy.subarray(0, Math.max(0, fits)));
            below.reserve(copy.length, fault);
          }
          if (fault?.kind === 'misdirect') {
            below.overwrite(fault, copy);
            file.append(new Uint8Array(copy.length));
          } else file.append(copy);
        }
      });
    },
    sync: () =>
      submit('sync', (fault) => {
        try {
          below.confirm(fault);
        } catch (error) {
          file.drop();
          throw error;
        }
        file.sync();
      }),
    read: (offset, length) => submit('read', (fault) => misread(below, fault, file, file.read(offset, length))),
    truncate: (size) => submit('truncate', () => file.truncate(size)),
    close: () => {
      if (closed) return Promise.resolve();
      const done = submit('look', () => {});
      closed = true;
      return done;
    },
  };
}

/** What a read gives when `fault` befalls it. The bytes are the caller's. */
export function misread(below: Below, fault: Choice | null, file: PlatterFile, bytes: Uint8Array): Uint8Array {
  if (fault?.kind === 'stale' && file.previous !== null) return file.previous.slice();
  if (fault?.kind === 'misdirect') {
    const sectors = Math.ceil(bytes.length / SECTOR);
    const into =
      sectors > 0 && typeof fault.into === 'number' ? (Math.floor(Math.abs(fault.into)) % sectors) * SECTOR : 0;
    bytes.set(below.sectorAt(fault).subarray(0, bytes.length - into), into);
  }
  return bytes;
}

export function openStore(below: Below, name: string, map: SortedMap): Store {
  let closed = false;
  let failure: QuorateError | null = null;
  // Like the real store: after a failed write nobody knows what it holds, so it answers nothing.
  const open = (): SortedMap => {
    if (failure !== null) throw failure;
    if (closed) throw new QuorateError('disk/failed', `store ${name} is closed`);
    return map;
  };
  return {
    get: (key) => {
      const entry = open().entry(key);
      const older = entry?.previous ?? null;
      const fault = below.ask('get', name, older !== null);
      if (entry === undefined) return undefined;
      return copyOf(fault?.kind === 'stale' && older !== null ? older : entry.value);
    },
    range: (options) =>
      open()
        .range(options)
        .map(({ key, value }) => [key.slice(), value.slice()] as const),
    write: async (batch) => {
      open();
      const copies = batch.map(copyOfWrite);
      return below.submit('batch', name, (fault) => {
        try {
          below.reserve(
            copies.reduce((sum, { key, value }) => sum + (value === null ? 0 : key.length + value.length), 0),
            fault,
          );
          below.confirm(fault);
        } catch (error) {
          if (isQuorateError(error)) failure = error;
          throw error;
        }
        for (const { key, value } of copies) {
          if (value === null) map.delete(key);
          else map.set(key, value);
        }
      });
    },
    close: () => {
      if (closed) return Promise.resolve();
      closed = true;
      return below.submit('look', name, () => {});
    },
  };
}

function copyOfWrite({ key, value }: StoreWrite): StoreWrite {
  if (key.length < 1 || key.length > MAX_KEY) {
    throw new RangeError(`a key has 1 to ${MAX_KEY} bytes, not ${key.length}`);
  }
  return { key: copyOf(key), value: value === null ? null : copyOf(value) };
}
