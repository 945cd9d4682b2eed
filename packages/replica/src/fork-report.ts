import {
  type Block,
  blockOf,
  type Certificate,
  type Digest,
  type Disk,
  type Epoch,
  evidenceFault,
  type Genesis,
  type Header,
  type Height,
  QuorateError,
  type SignatureSuite,
  toHex,
  type ValidatorSet,
} from '@quorate/kernel';
import { type FinalityClaim, type ForkEvidence, forkBetween, forkToJson, MAX_CLAIM_HEADERS } from '@quorate/light';
import type { BlockReads } from './block-reads.ts';
import type { FinalizedEntry, NewlyFinal } from './store-finality.ts';

/** Where a node keeps what shows a fork, below its home folder. */
export const FORK_FILE = 'fork.json';

/** Validators that the error names; the file names all of them. */
const NAMED = 8;
/** Own blocks above the fork whose certificates are looked through for evidence. */
const HEIGHTS_READ = 256;

/** A certified block that cannot be final beside what is. */
export interface Contradiction {
  readonly block: Block;
  readonly entry: FinalizedEntry;
  /** Height of the final block that it contradicts. */
  readonly height: Height;
  /** The sentence of the error: `contradicts …`. */
  readonly how: string;
  /** What became final in the same batch before it, and what is to become final from it on. */
  readonly fresh: readonly NewlyFinal[];
  readonly rest: readonly FinalizedEntry[];
}

export interface ForkReportParts {
  readonly reads: BlockReads;
  readonly genesis: Genesis;
  readonly disk: Disk;
  /** Without it the signers are named, and no signature is taken out of the certificates. */
  readonly suite: SignatureSuite | null;
}

/** The two sides of a fork at a height, and other certificates of either. */
interface Sides {
  readonly height: Height;
  readonly ours: FinalityClaim | null;
  readonly theirs: FinalityClaim | null;
  readonly certificates: readonly [readonly Certificate[], readonly Certificate[]];
}

/** The error of a fork, after what shows it is durable in {@link FORK_FILE}. What keeps that from being written is in the message. */
export function forkError(found: Contradiction, parts: ForkReportParts): Promise<QuorateError> {
  const { block, how } = found;
  const what = `block ${block.ref.digest} was certified at height ${block.header.height} but ${how}, which is final here`;
  return errorOf(what, () => sidesOf(found, parts.reads), parts);
}

/** The same where all that is known of the other branch is its certificate. Without `ours`, what finalized the tip speaks for us. */
export function certificateForkError(
  { ours, theirs, top }: { readonly ours: Certificate | null; readonly theirs: Certificate; readonly top: Height },
  parts: ForkReportParts,
): Promise<QuorateError> {
  const { reads } = parts;
  const name = ({ statement }: Certificate): string =>
    `the finalization of block ${blockOf(statement) ?? ''} in view ${statement.view} of epoch ${statement.epoch}`;
  const what = `${name(theirs)} contradicts ${ours === null ? 'what is final here' : name(ours)}`;
  const claim = (certificate: Certificate): FinalityClaim => {
    const header = reads.headerOf(blockOf(certificate.statement) ?? '')?.header;
    return { headers: header === undefined ? [] : [header], certificate };
  };
  const sides = (): Sides => {
    const held = ours === null ? reads.finalityProof(top) : claim(ours);
    const height = held?.headers[0]?.height ?? top;
    return { height, ours: held, theirs: claim(theirs), certificates: [ownCertificates(height, [], reads), []] };
  };
  return errorOf(what, sides, parts);
}

async function errorOf(what: string, sides: () => Sides, parts: ForkReportParts): Promise<QuorateError> {
  const who = await accusation(sides, parts);
  return new QuorateError('consensus/fork', `${what}: ${who}. Keep this node's data as evidence`);
}

async function accusation(sides: () => Sides, parts: ForkReportParts): Promise<string> {
  try {
    const shown = forkOf(sides(), parts);
    if (shown === null)
      return 'more than a third of the weight misbehaved; the proofs that would say who are not kept here';
    const { fork, text } = shown;
    const stored = await parts.disk.replaceFile(FORK_FILE, new TextEncoder().encode(text)).then(
      () => `${FORK_FILE} in the home folder has both proofs and ${fork.evidence.length} pieces of evidence to hand on`,
      (error: unknown) => `${FORK_FILE} could not be written: ${messageOf(error)}`,
    );
    return `${namesOf(fork)}. ${stored}`;
  } catch (error) {
    // The fork itself is the news: it is reported whatever else is broken.
    return `more than a third of the weight misbehaved; who cannot be read: ${messageOf(error)}`;
  }
}

function namesOf({ signers, weight, total }: ForkEvidence): string {
  const names = signers.slice(0, NAMED).map((each) => `${toHex(each.publicKey)} (${each.weight})`);
  const more = signers.length > NAMED ? ` and ${signers.length - NAMED} more` : '';
  return `validators with ${weight} of ${total} weight signed both: ${names.join(', ')}${more}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function sidesOf({ block, entry, height, fresh, rest }: Contradiction, reads: BlockReads): Sides {
  const own = fresh.find((each) => each.block.header.height === height);
  const blocks = rest.flatMap(({ commit }) => commit.blocks);
  return {
    height,
    ours: own === undefined ? reads.finalityProof(height) : claimOf(own, blocks, reads),
    theirs: claimOf({ block, entry }, blocks, reads),
    certificates: [ownCertificates(height, fresh, reads), rest.flatMap(certificatesOf)],
  };
}

function forkOf(
  { height, ours, theirs, certificates }: Sides,
  { reads, genesis, suite }: ForkReportParts,
): { readonly fork: ForkEvidence; readonly text: string } | null {
  if (ours === null || theirs === null) return null;
  const setOf = (epoch: Epoch): ValidatorSet | null => (epoch === 0 ? genesis.validators : reads.validators(epoch));
  const validators = setOf(ours.certificate.statement.epoch);
  const others = setOf(theirs.certificate.statement.epoch);
  if (validators === null || others === null) return null;
  const context = { suite: suite ?? { signatureBytes: 0 }, validators, theirs: others };
  const { chainId } = genesis;
  const found = forkBetween(context, height, [ours, theirs], certificates);
  // Justifications of synchronised blocks are checked by their digest only.
  const sound = found.evidence.filter(
    (piece) => suite !== null && evidenceFault({ chainId, suite, validators }, piece) === null,
  );
  const fork = { ...found, evidence: sound };
  return { fork, text: `${JSON.stringify(forkToJson({ chainId, ...context }, fork), null, 2)}\n` };
}

/** What proves a block final, with the header below it where the two sides part there already. `blocks`: others that came with it. */
function claimOf({ block, entry }: NewlyFinal, blocks: readonly Block[], reads: BlockReads): FinalityClaim | null {
  if (entry.finality.grade !== 'final') return null;
  const { certificate } = entry.finality;
  const headerOf = (digest: Digest): Header | null =>
    (blocks.find(({ ref }) => ref.digest === digest) ?? reads.headerOf(digest))?.header ?? null;
  const { digest } = block.ref;
  const headers = [block.header, ...trailTo(blockOf(certificate.statement) ?? digest, digest, headerOf)];
  const { parentDigest } = block.header;
  const parent = headerOf(parentDigest);
  if (parent === null || reads.at(parent.height)?.ref.digest === parentDigest) return { headers, certificate };
  return { headers: [parent, ...headers], certificate };
}

/** The headers above `from` up to `to`; none when one is unknown: the certificate still says who signed. */
function trailTo(to: Digest, from: Digest, headerOf: (digest: Digest) => Header | null): Header[] {
  const trail: Header[] = [];
  for (let digest = to; digest !== from; ) {
    const header = headerOf(digest);
    if (header === null || trail.length >= MAX_CLAIM_HEADERS - 2) return [];
    trail.unshift(header);
    digest = header.parentDigest;
  }
  return trail;
}

function certificatesOf({ commit, finality }: FinalizedEntry): Certificate[] {
  return [...commit.justification, ...(finality.grade === 'final' ? [finality.certificate] : [])];
}

/** What made our blocks from a height on final, and what justified them. */
function ownCertificates(height: Height, fresh: readonly NewlyFinal[], reads: BlockReads): Certificate[] {
  const certificates = fresh.flatMap(({ entry }) => certificatesOf(entry));
  for (let at = Math.max(1, height); at < height + HEIGHTS_READ; at++) {
    const cover = reads.certificateFor(at);
    if (cover === null) break;
    certificates.push(cover.certificate, ...(reads.justification(at) ?? []));
  }
  return certificates;
}
