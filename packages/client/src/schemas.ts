import { MAX_TRANSACTION_BYTES } from '@quorate/kernel';
import { z } from 'zod';
import { decodedLength, isBase64 } from './base64.ts';

// The shapes that travel. Digests and keys are lower-case hexadecimal, bulk bytes base64, token amounts decimal strings.

const count = z.int().min(0);
export const height = count.describe('Height of a block; the first is 1.');
export const epoch = count.describe('Epoch; the first is 0.');
export const millis = count.describe('Unix time in milliseconds.');
export const digest = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .describe('SHA-256 digest.');
export const hexBytes = z.string().regex(/^(?:[0-9a-f]{2})*$/);
export const base64 = z
  .string()
  .refine(isBase64, { message: 'not canonical base64' })
  .meta({ contentEncoding: 'base64' });
export const amount = z
  .string()
  .regex(/^(?:0|[1-9][0-9]{0,19})$/)
  .describe('Tokens, in the smallest unit.');
export const address = z
  .string()
  .regex(/^q[0-9a-f]{72}$/)
  .describe('Address of an account, with its checksum.');
/** Longest base64 text of one transaction. */
export const MAX_TRANSACTION_TEXT = 4 * Math.ceil(MAX_TRANSACTION_BYTES / 3);
export const transactionBytes = base64
  .min(4)
  .max(MAX_TRANSACTION_TEXT)
  .refine((text) => decodedLength(text) <= MAX_TRANSACTION_BYTES, {
    message: `more than ${MAX_TRANSACTION_BYTES} bytes`,
  })
  .describe('A signed transaction.');

export const header = z.object({
  epoch,
  view: count,
  height,
  parentView: count,
  parentDigest: digest,
  time: millis,
  txRoot: digest,
  evidenceRoot: digest,
  executedHeight: height,
  stateRoot: digest,
  receiptsRoot: digest,
  validatorsRoot: digest,
  nextValidatorsRoot: digest.nullable(),
  justificationDigest: digest,
  protocolVersion: count,
});

const ballot = { epoch, view: count, block: digest };
export const certificate = z.object({
  statement: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('notarize'), ...ballot }),
    z.object({ kind: z.literal('nullify'), epoch, view: count }),
    z.object({ kind: z.literal('finalize'), ...ballot }),
  ]),
  signers: hexBytes.describe('Bitmap over the validator set, least significant bit first.'),
  signature: base64,
});

const finality = z.discriminatedUnion('grade', [
  z.object({ grade: z.literal('probabilistic'), depth: count, work: amount, probability: z.number() }),
  z.object({ grade: z.literal('ordered') }),
  z.object({ grade: z.literal('justified'), checkpoint: z.object({ epoch, root: digest }) }),
  z.object({ grade: z.literal('irreversible'), rule: z.string(), proof: base64 }),
  z.object({ grade: z.literal('final'), certificate, certifiedHeight: height }),
]);

export const appEvent = z.object({ type: z.string(), attributes: z.record(z.string(), z.string()) });
export const receipt = z.object({
  code: count.describe("0 is success; other codes are the application's."),
  log: z.string(),
  events: z.array(appEvent),
  data: base64,
});

const settled = [
  z.object({ status: z.literal('final'), id: digest, height, index: count, receipt }),
  z.object({ status: z.literal('rejected'), id: digest, reason: z.string() }),
  z.object({ status: z.literal('expired'), id: digest, reason: z.string() }),
] as const;

/** What a submission answers, per transaction. `accepted`: in the mempool, not settled within the time given. */
export const submission = z.discriminatedUnion('status', [
  z.object({ status: z.literal('accepted'), id: digest }),
  ...settled,
]);

export const transactionStatus = z.discriminatedUnion('status', [
  z.object({ status: z.literal('unknown'), id: digest }),
  z.object({ status: z.literal('pending'), id: digest, since: millis }),
  ...settled,
]);

export const wait = z
  .enum(['accepted', 'final'])
  .default('accepted')
  .describe('Answer once the mempool took it, or once it is settled.');
export const MAX_WAIT_MS = 120_000;
export const DEFAULT_WAIT_MS = 30_000;
export const timeoutMs = z
  .int()
  .min(1)
  .max(MAX_WAIT_MS)
  .default(DEFAULT_WAIT_MS)
  .describe('Longest wait for `final`, ms.');

const validator = z.object({
  publicKey: hexBytes,
  weight: z.int().min(1),
  proof: hexBytes.describe('Proof of possession; empty for suites that need none.'),
  peer: digest.describe('Node key.'),
  address: z.string(),
});
export const validatorSet = z.object({
  epoch,
  root: digest,
  total: z.int(),
  quorum: z.int(),
  members: z.array(validator),
});

export const block = z.object({
  header,
  digest,
  ids: z.array(digest).describe('Digests of the transactions.'),
  transactions: z.array(base64),
  receipts: z.array(receipt),
  events: z.array(appEvent),
  evidence: z.array(base64),
  finality,
  finalizedAt: millis.describe('When this node saw it finalized.'),
});

export const blockSummary = z.object({
  header,
  digest,
  transactions: count,
  bytes: count.describe('Bytes of all transactions.'),
  failed: count.describe('Transactions whose receipt has another code than 0.'),
  finalizedAt: millis,
});

export const evidenceRecord = z.object({
  kind: z.enum(['conflicting-notarize', 'conflicting-finalize', 'nullify-finalize']),
  epoch,
  view: count,
  signer: count,
  offender: hexBytes.describe('Voting key.'),
  height: height.nullable().describe('Of the block that carries it; null while it waits.'),
  evidence: base64,
});

/** What became of evidence that was offered. */
export const evidenceSubmission = z.discriminatedUnion('status', [
  z.object({
    status: z.literal('accepted'),
    offence: digest.describe('Name of the offence, the same for all evidence of it.'),
  }),
  z.object({ status: z.literal('rejected'), reason: z.string() }),
]);

const quantiles = z.object({ count, p50: z.number(), p90: z.number(), p99: z.number() });
export const status = z.object({
  chainId: z.string(),
  genesis: digest,
  mechanism: z.string(),
  role: z.enum(['validator', 'observer']),
  silent: z.string().nullable().describe('Why a node with a key does not vote.'),
  signer: count.nullable(),
  epoch,
  view: count,
  height,
  digest,
  stateRoot: digest,
  executedHeight: height,
  lastBlockTime: millis,
  peers: z.array(digest),
  syncing: z.boolean(),
  mempool: z.object({ transactions: count, bytes: count }),
  engine: z.object({
    leader: count.nullable(),
    finalizedHeight: height,
    finalizedView: count,
    viewsSinceFinalized: count,
    nullifiedViews: count,
    dropped: z.record(z.string(), z.number()),
  }),
  counters: z.record(z.string(), z.number()),
  durationsMs: z.record(z.string(), quantiles).describe('Recent durations on this node.'),
});

export const genesis = z.object({
  digest,
  chainId: z.string(),
  time: millis,
  suite: z.string(),
  application: z.string(),
  consensus: z.object({
    mechanism: z.string(),
    delta: count,
    maxTimeout: count,
    epochLength: count,
    maxBlockBytes: count,
    evidenceWindow: count,
    upgradeHeight: count,
  }),
  validators: validatorSet,
  genesis: base64.describe('The whole genesis in the canonical codec.'),
});
