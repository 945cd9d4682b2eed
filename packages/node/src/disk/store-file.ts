import { open, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { QuorateError } from '@quorate/kernel';
import { diskError, isMissing } from './failures.ts';

/** Name of the file in which LMDB keeps everything. */
export const STORE_FILE = 'data.mdb';

const PAGE_HEADER_BYTES = 24;
const MAGIC = 0xbe_ef_c0_de;
const MAX_FILE_BYTES = 2 ** 46;
/** Offsets in a meta page after its header: magic, version, address, size, two databases of 48 bytes, last page, transaction. */
const AT = { magic: 0, pageSize: 24, lastPage: 24 + 2 * 48 } as const;

/** What can be said of a store's file before LMDB maps it. `cut`: shorter than both of its meta pages say. */
export type StoreFile =
  | { readonly kind: 'new' }
  | { readonly kind: 'whole' }
  | { readonly kind: 'cut'; readonly size: number; readonly wanted: number };

/**
 * Looks at the file that LMDB would map, because LMDB dies on a file that is none. Throws `store/corrupt` when its meta pages
 * are not those of a store. A file may be `cut` in good health: pages at its end that are free need never have been written.
 */
export async function inspectStoreFile(name: string, folder: string): Promise<StoreFile> {
  try {
    const file = await open(join(folder, STORE_FILE), 'r');
    try {
      const { size } = await file.stat();
      if (size === 0) return { kind: 'new' };
      const head = Buffer.alloc(PAGE_HEADER_BYTES + 256);
      const isMeta = async (at: number): Promise<boolean> => {
        await file.read(head, 0, head.length, at);
        return head.readUInt32LE(PAGE_HEADER_BYTES + AT.magic) === MAGIC;
      };
      if (!(await isMeta(0))) throw corrupt(name, folder, 'is not a store: its first page is wrong');
      const pageSize = head.readUInt32LE(PAGE_HEADER_BYTES + AT.pageSize);
      if (pageSize < 512 || pageSize > 65_536 || (pageSize & (pageSize - 1)) !== 0) {
        throw corrupt(name, folder, `has pages of ${pageSize} bytes, which is impossible`);
      }
      let last = 0;
      for (const page of [0, 1]) {
        if (!(await isMeta(page * pageSize))) throw corrupt(name, folder, `is not a store: its page ${page} is wrong`);
        last = Math.max(last, Number(head.readBigUInt64LE(PAGE_HEADER_BYTES + AT.lastPage)));
      }
      const wanted = (last + 1) * pageSize;
      if (wanted > MAX_FILE_BYTES) throw corrupt(name, folder, `says that it has ${wanted} bytes, which is impossible`);
      return wanted > size ? { kind: 'cut', size, wanted } : { kind: 'whole' };
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isMissing(error)) return { kind: 'new' };
    throw diskError(error, 'open store', name);
  }
}

/** Sets the length of a store's file: what is mapped must exist. */
export async function resizeStoreFile(folder: string, size: number): Promise<void> {
  await truncate(join(folder, STORE_FILE), size);
}

export function corrupt(name: string, folder: string, problem: string): QuorateError {
  const remedy = 'restore a backup, or remove the folder and synchronise anew';
  return new QuorateError('store/corrupt', `store ${name}: ${join(folder, STORE_FILE)} ${problem}; ${remedy}`);
}
