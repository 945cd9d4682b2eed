import {
  type Block,
  blockOf,
  type Commit,
  type Digest,
  type Finality,
  type Header,
  type Millis,
  QuorateError,
  type StoreWrite,
} from '@quorate/kernel';
import { MAX_CLAIM_HEADERS } from '@quorate/light';
import type { BlockReads } from './block-reads.ts';
import { KEY, RECORD, record } from './store-format.ts';

/** One `finalized` effect of the engine. */
export interface FinalizedEntry {
  readonly commit: Commit;
  readonly finality: Finality;
  readonly at: Millis;
}

/** A block that becomes final, and the effect that made it so. */
export interface NewlyFinal {
  readonly block: Block;
  readonly entry: FinalizedEntry;
}

/**
 * What is written of consecutive blocks that become final together: index, justification and, once for each certificate, what
 * it covers. A certificate may name a descendant of its entry, also a trailing block above an epoch's end (S11): the headers on
 * the way are kept with it.
 */
export function finalityRecords(fresh: readonly NewlyFinal[], reads: Pick<BlockReads, 'headerOf'>): StoreWrite[] {
  const writes: StoreWrite[] = [];
  const digests = new Set(fresh.map(({ block }) => block.ref.digest));
  fresh.forEach(({ block, entry }, position) => {
    const { height } = block.header;
    const { digest } = block.ref;
    writes.push(
      record(KEY.finalized(height), RECORD.finalized, { digest, finalizedAt: entry.at }),
      record(KEY.justification(height), RECORD.justification, [...entry.commit.justification]),
    );
    if (entry.finality.grade !== 'final') return;
    const { certificate } = entry.finality;
    const certified = blockOf(certificate.statement);
    const next = fresh[position + 1]?.entry.finality;
    const again = next?.grade === 'final' && blockOf(next.certificate.statement) === certified;
    if (certified === null || (certified !== digest && (digests.has(certified) || again))) return;
    const trail = trailBetween(digest, certified, reads);
    writes.push(record(KEY.coverage(height), RECORD.coverage, { certificate, trail }));
  });
  return writes;
}

/** The headers above `from` up to and including `to`, which descends from it. */
function trailBetween(from: Digest, to: Digest, reads: Pick<BlockReads, 'headerOf'>): Header[] {
  const trail: Header[] = [];
  for (let digest = to; digest !== from; ) {
    const block = reads.headerOf(digest);
    if (block === null || trail.length >= MAX_CLAIM_HEADERS) {
      throw new QuorateError(
        'certificate/invalid',
        `the headers between finalized block ${from} and its certificate's block ${to} are not stored`,
      );
    }
    trail.unshift(block.header);
    digest = block.header.parentDigest;
  }
  return trail;
}
