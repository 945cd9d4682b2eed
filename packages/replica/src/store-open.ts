import { type Digest, QuorateError, type Store, type StoreWrite } from '@quorate/kernel';
import {
  KEY,
  numberOf,
  opened,
  PREFIX,
  RECORD,
  readRecord,
  record,
  removal,
  STORE_VERSION,
  tableRange,
} from './store-format.ts';

/** Heights rewritten in one batch of a migration. */
const STEP = 1_000;

/**
 * Checks that a store is of this software and this chain, migrates an older one, and marks an empty one.
 * Throws `store/version`, `genesis/mismatch`, `store/corrupt`.
 */
export async function openFormat(store: Store, genesis: Digest): Promise<void> {
  const format = readRecord(store, KEY.format, RECORD.format);
  if (format === null) {
    for (const _ of store.range({ limit: 1 })) {
      throw new QuorateError(
        'store/corrupt',
        'block store: it holds records but no format record; restore it from a backup or move it away',
      );
    }
    await store.write([record(KEY.format, RECORD.format, { version: STORE_VERSION, genesis })]);
    return;
  }
  if (format.genesis !== genesis) {
    throw new QuorateError(
      'genesis/mismatch',
      `block store: it belongs to the chain with genesis ${format.genesis}, this node is configured for ${genesis}; use another home folder`,
    );
  }
  if (format.version > STORE_VERSION || format.version < 1) {
    throw new QuorateError(
      'store/version',
      `block store: it has format version ${format.version}, this software reads up to ${STORE_VERSION}; run the newer release that wrote it`,
    );
  }
  if (format.version === 1) await migrateFrom1(store, genesis);
}

/** Version 2 keeps when a height was finalized; for older heights the block's own time stands in. Resumes after a crash. */
async function migrateFrom1(store: Store, genesis: Digest): Promise<void> {
  const table = tableRange(PREFIX.finalized);
  let next = readRecord(store, KEY.migration, RECORD.migration) ?? 0;
  for (;;) {
    const writes: StoreWrite[] = [];
    for (const [key, value] of store.range({ from: KEY.finalized(next), to: table.to, limit: STEP })) {
      const { digest } = opened(key, RECORD.finalizedV1, value);
      const header = readRecord(store, KEY.header(digest), RECORD.header);
      if (header === null) {
        throw new QuorateError(
          'store/corrupt',
          `block store: the header of height ${numberOf(key)} is missing; restore it from a backup`,
        );
      }
      writes.push(record(key, RECORD.finalized, { digest, finalizedAt: header.time }));
      next = numberOf(key) + 1;
    }
    if (writes.length === 0) break;
    await store.write([...writes, record(KEY.migration, RECORD.migration, next)]);
  }
  await store.write([record(KEY.format, RECORD.format, { version: STORE_VERSION, genesis }), removal(KEY.migration)]);
}
