import {
  type ConsensusParameters,
  type Digest,
  type Epoch,
  epochOf,
  type Genesis,
  type Header,
  type Height,
  lastHeightOf,
  QuorateError,
  type ValidatorSet,
} from '@quorate/kernel';
import { LightClient } from '@quorate/light';
import { type Asking, anyPeer, given } from './any-peer.ts';
import type { FinalityProof } from './api.ts';
import type { BlockStore } from './block-store.ts';
import { startOfEpoch } from './epochs.ts';
import { oldestAdmissible } from './evidence-pool.ts';
import type { CheckpointAnswer } from './state-sync-wire.ts';

export interface LookingBackParts extends Asking {
  readonly genesis: Genesis;
}

/** A block of the chain, known by its digest. */
interface KnownBlock {
  readonly height: Height;
  readonly digest: Digest;
}

/** An epoch as its descendants prove it. */
export interface EarlierEpoch {
  readonly epoch: Epoch;
  readonly validators: ValidatorSet;
  /** The epoch's last header; of the epoch in which the walk began, the header from which it began. */
  readonly header: Header;
  /** Proves the epoch's first block, which names the last one before it. Null where the walk ends. */
  readonly opening: FinalityProof | null;
}

/**
 * Walks back over epochs from a block that is trusted: its header names the set of its epoch, a quorum of that set made the
 * epoch's first block final, that block names the last one of the epoch before by digest, and so on. Every set down to that of
 * `oldest` goes to `keep`, newest first; genesis gives that of epoch 0. `begin`: also learn how the block's own epoch began,
 * when its set is all that is wanted.
 *
 * The signers of an earlier epoch are believed about how it began, however old it is: the caller asks for no epoch whose
 * offences may not be punished any more. Throws `sync/refused` when no peer can prove the next step.
 */
export async function walkBack(
  from: KnownBlock,
  wanted: { readonly oldest: Epoch; readonly begin: boolean },
  parts: LookingBackParts,
  keep: (found: EarlierEpoch) => Promise<void>,
): Promise<void> {
  const { consensus } = parts.genesis;
  const began = epochOf(consensus, from.height);
  let at = from;
  for (let epoch = began; epoch > 0; epoch--) {
    const opens = epoch > wanted.oldest || (wanted.begin && epoch === began);
    if (epoch === began && !opens) return;
    const block = at;
    const what = `the set of epoch ${epoch}${opens ? ' and how it began' : ''} (an older checkpoint or a newer snapshot may help)`;
    const found = await anyPeer(parts, parts.peers(), what, async (peer) => {
      const response = await parts.ask(peer, { kind: 'checkpoint', height: block.height });
      return verified(block, opens, given(response.kind === 'checkpoint' ? response.found : null), parts);
    });
    await keep(found);
    const first = found.opening?.headers[0];
    if (first === undefined || epoch <= wanted.oldest) return;
    at = { height: lastHeightOf(consensus, epoch - 1), digest: first.parentDigest };
  }
}

function verified(block: KnownBlock, opens: boolean, answer: CheckpointAnswer, parts: LookingBackParts): EarlierEpoch {
  const { genesis } = parts;
  const { header, validators, first } = answer;
  // Age does not matter here, see above: the period is never asked about.
  const parameters = { chainId: genesis.chainId, epochLength: genesis.consensus.epochLength, trustingPeriod: 0 };
  const light = LightClient.fromCheckpoint({ parameters, checkpoint: block, header, validators }, parts);
  const { epoch } = header;
  if (!opens) return { epoch, validators, header, opening: null };
  const opening = given(first);
  const proven = light.verifyFinality(opening, parts.now(), { allowExpired: true });
  if (proven.header.height !== lastHeightOf(genesis.consensus, epoch - 1) + 1) {
    throw new QuorateError(
      'proof/invalid',
      `it proves height ${proven.header.height} instead of the first of epoch ${epoch}`,
    );
  }
  return { epoch, validators, header, opening };
}

/** What the store keeps of an epoch that {@link walkBack} found. */
export async function keepEpoch(store: BlockStore, consensus: ConsensusParameters, found: EarlierEpoch): Promise<void> {
  const { epoch, validators, header, opening } = found;
  const last = header.height === lastHeightOf(consensus, epoch) ? header : null;
  await store.saveEpoch(epoch, validators, { opening, last });
}

/**
 * The newest epoch before that of the tip whose set the store lacks although a block after `executed` may carry evidence of it;
 * null when there is none. Only a store that an older release began by state sync lacks any.
 */
export function lackedEpoch(store: BlockStore, consensus: ConsensusParameters, executed: Height): Epoch | null {
  const oldest = Math.max(1, oldestAdmissible(consensus, executed));
  for (let epoch = store.tip().block.header.epoch - 1; epoch >= oldest; epoch--) {
    if (store.validators(epoch) === null) return epoch;
  }
  return null;
}

/** Learns the sets that {@link lackedEpoch} is about, from the oldest epoch on that the store knows. Throws as {@link walkBack}. */
export async function learnLacked(store: BlockStore, executed: Height, parts: LookingBackParts): Promise<void> {
  const { consensus } = parts.genesis;
  const lacked = lackedEpoch(store, consensus, executed);
  if (lacked === null) return;
  const oldest = oldestAdmissible(consensus, executed);
  await walkBack(blockOf(store, parts, lacked + 1), { oldest, begin: false }, parts, (found) =>
    keepEpoch(store, consensus, found),
  );
}

/** A block of an epoch: the last one, or the tip. */
function blockOf(store: BlockStore, { genesis, hash }: LookingBackParts, epoch: Epoch): KnownBlock {
  const { header, ref } = store.tip().block;
  if (header.epoch === epoch) return { height: header.height, digest: ref.digest };
  const height = lastHeightOf(genesis.consensus, epoch);
  const digest = startOfEpoch({ store, genesis, hash }, epoch + 1);
  if (digest === null) throw new QuorateError('store/corrupt', `block store: how epoch ${epoch} ended is missing`);
  return { height, digest };
}
