import {
  type BlockJson,
  type BlockSummaryJson,
  type Result,
  type SubmissionJson,
  type TransactionStatusJson,
  toBase64,
} from '@quorate/client';
import {
  type AppEvent,
  type Certificate,
  type Digest,
  encode,
  evidenceCodec,
  type Finality,
  type Genesis,
  genesisCodec,
  genesisDigest,
  type Hash,
  type Receipt,
  toHex,
  unreachable,
  type ValidatorSet,
} from '@quorate/kernel';
import type { EvidenceRecord, FinalizedBlock, ReplicaStatus, SettledStatus, TransactionStatus } from '@quorate/replica';

// From the values of the kernel to the shapes of the contract. Headers travel as they are.

type CertificateJson = Result<'finality'>['certificate'];
type ReceiptJson = BlockJson['receipts'][number];
type SetJson = Result<'epoch'>['next'];

export function certificateJson({ statement, signers, signature }: Certificate): CertificateJson {
  return { statement, signers: toHex(signers), signature: toBase64(signature) };
}

function finalityJson(finality: Finality): BlockJson['finality'] {
  switch (finality.grade) {
    case 'probabilistic':
      return { ...finality, work: finality.work.toString() };
    case 'ordered':
    case 'justified':
      return finality;
    case 'irreversible':
      return { ...finality, proof: toBase64(finality.proof) };
    case 'final':
      return { ...finality, certificate: certificateJson(finality.certificate) };
    default:
      return unreachable(finality);
  }
}

function eventJson({ type, attributes }: AppEvent): ReceiptJson['events'][number] {
  return { type, attributes: { ...attributes } };
}

function receiptJson({ code, log, events, data }: Receipt): ReceiptJson {
  return { code, log, events: events.map(eventJson), data: toBase64(data) };
}

export function settledJson(id: Digest, status: SettledStatus): Exclude<SubmissionJson, { status: 'accepted' }> {
  switch (status.kind) {
    case 'final':
      return { status: 'final', id, height: status.height, index: status.index, receipt: receiptJson(status.receipt) };
    case 'rejected':
    case 'expired':
      return { status: status.kind, id, reason: status.reason };
    default:
      return unreachable(status);
  }
}

export function transactionJson(id: Digest, status: TransactionStatus): TransactionStatusJson {
  if (status.kind === 'unknown') return { status: 'unknown', id };
  if (status.kind === 'pending') return { status: 'pending', id, since: status.since };
  return settledJson(id, status);
}

function transactionIds(hash: Hash, block: FinalizedBlock): Digest[] {
  return block.body.transactions.map((tx) => toHex(hash(tx)));
}

export function blockJson(hash: Hash, block: FinalizedBlock): BlockJson {
  const { header, digest, body, receipts, events, finality, finalizedAt } = block;
  return {
    header,
    digest,
    ids: transactionIds(hash, block),
    transactions: body.transactions.map(toBase64),
    receipts: receipts.map(receiptJson),
    events: events.map(eventJson),
    evidence: body.evidence.map((item) => toBase64(encode(evidenceCodec, item))),
    finality: finalityJson(finality),
    finalizedAt,
  };
}

export function summaryJson({ header, digest, body, receipts, finalizedAt }: FinalizedBlock): BlockSummaryJson {
  return {
    header,
    digest,
    transactions: body.transactions.length,
    bytes: body.transactions.reduce((sum, tx) => sum + tx.length, 0),
    failed: receipts.filter(({ code }) => code !== 0).length,
    finalizedAt,
  };
}

/** The transactions of a block that pass the filter. */
export function transactionItems(
  hash: Hash,
  block: FinalizedBlock,
  filter: { readonly ids?: ReadonlySet<Digest> | undefined; readonly failed?: boolean | undefined },
): { id: Digest; index: number; receipt: ReceiptJson }[] {
  const { ids, failed } = filter;
  return block.body.transactions.flatMap((tx, index) => {
    const receipt = block.receipts[index];
    if (receipt === undefined || (failed !== undefined && (receipt.code !== 0) !== failed)) return [];
    const id = toHex(hash(tx));
    return ids === undefined || ids.has(id) ? [{ id, index, receipt: receiptJson(receipt) }] : [];
  });
}

/** The events of a block that pass the filter: those of its transactions in order, then its own. */
export function eventItems(
  hash: Hash,
  block: FinalizedBlock,
  filter: { readonly type?: string | undefined; readonly attributes?: Readonly<Record<string, string>> | undefined },
): (ReceiptJson['events'][number] & { transaction: Digest | null; index: number | null })[] {
  const wanted = Object.entries(filter.attributes ?? {});
  const passes = ({ type, attributes }: AppEvent): boolean =>
    (filter.type === undefined || filter.type === type) && wanted.every(([name, value]) => attributes[name] === value);
  const ofTransactions = block.receipts.flatMap((receipt, index) => {
    const events = receipt.events.filter(passes);
    const tx = block.body.transactions[index];
    if (events.length === 0 || tx === undefined) return [];
    const transaction = toHex(hash(tx));
    return events.map((event) => ({ ...eventJson(event), transaction, index }));
  });
  const ofBlock = block.events.filter(passes).map((event) => ({ ...eventJson(event), transaction: null, index: null }));
  return [...ofTransactions, ...ofBlock];
}

export function validatorSetJson(hash: Hash, epoch: number, set: ValidatorSet): SetJson {
  return {
    epoch,
    root: set.root(hash),
    total: set.total,
    quorum: set.quorum,
    members: set.members.map(({ publicKey, weight, proof, peer, address }) => ({
      publicKey: toHex(publicKey),
      weight,
      proof: toHex(proof),
      peer,
      address,
    })),
  };
}

export function evidenceJson({ evidence, offender, height }: EvidenceRecord): Result<'evidence'>['evidence'][number] {
  const { kind, first } = evidence;
  const { epoch, view } = first.statement;
  const encoded = toBase64(encode(evidenceCodec, evidence));
  return { kind, epoch, view, signer: first.signer, offender: toHex(offender), height, evidence: encoded };
}

export function genesisJson(hash: Hash, genesis: Genesis): Result<'genesis'> {
  const { chainId, time, suite, application, consensus, validators } = genesis;
  return {
    digest: genesisDigest(hash, genesis),
    chainId,
    time,
    suite,
    application,
    consensus: { ...consensus },
    validators: validatorSetJson(hash, 0, validators),
    genesis: toBase64(encode(genesisCodec, genesis)),
  };
}

/** The value below which `share` of sorted values lie. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

export function statusJson(status: ReplicaStatus): Result<'status'> {
  const { engine, samples, counters, mempool, peers, ...rest } = status;
  const durations = Object.entries(samples).map(([name, values]) => {
    const sorted = [...values].sort((a, b) => a - b);
    const [p50, p90, p99] = [quantile(sorted, 0.5), quantile(sorted, 0.9), quantile(sorted, 0.99)];
    return [name, { count: sorted.length, p50, p90, p99 }] as const;
  });
  const { leader, finalizedHeight, finalizedView, viewsSinceFinalized, nullifiedViews, dropped } = engine;
  return {
    ...rest,
    peers: [...peers],
    mempool: { ...mempool },
    engine: { leader, finalizedHeight, finalizedView, viewsSinceFinalized, nullifiedViews, dropped: { ...dropped } },
    counters: { ...counters },
    durationsMs: Object.fromEntries(durations),
  };
}
