import { MAX_SIGNATURE_BYTES } from '@quorate/kernel';
import { z } from 'zod';
import { MAX_BATCH_TRANSACTIONS } from './batch.ts';
import type { RpcErrorCode } from './errors.ts';
import * as shape from './schemas.ts';

/** One method of the public API. */
export interface MethodSpec<P extends z.ZodType = z.ZodType, R extends z.ZodType = z.ZodType> {
  readonly description: string;
  readonly params: P;
  readonly result: R;
  /** Beside `rpc/invalid`, `rpc/limited` and `rpc/failed`, which every method may answer. */
  readonly errors: readonly RpcErrorCode[];
  readonly over: 'any' | 'websocket';
}

function method<P extends z.ZodType, R extends z.ZodType>(
  description: string,
  parts: { params: P; result: R; errors?: readonly RpcErrorCode[]; over?: 'any' | 'websocket' },
): MethodSpec<P, R> {
  return {
    description,
    params: parts.params,
    result: parts.result,
    errors: parts.errors ?? [],
    over: parts.over ?? 'any',
  };
}

/** Most calls in one JSON-RPC batch. */
export const MAX_BATCH_CALLS = 256;

/** Longest base64 text of one piece of evidence: two votes with the longest signatures. */
const MAX_EVIDENCE_TEXT = 4 * Math.ceil((2 * MAX_SIGNATURE_BYTES + 1024) / 3);

const none = z.strictObject({});
const claim = { headers: z.array(shape.header), certificate: shape.certificate };

export const subscriptionFilter = z.strictObject({
  bodies: z.boolean().optional().describe('blocks: whole blocks instead of summaries.'),
  ids: z.array(shape.digest).min(1).max(1024).optional().describe('transactions: only these.'),
  failed: z.boolean().optional().describe('transactions: only failed ones, or only successful ones.'),
  type: z.string().max(64).optional().describe('events: only of this type.'),
  attributes: z
    .record(z.string().max(64), z.string().max(1024))
    .refine((attributes) => Object.keys(attributes).length <= 16, { message: 'at most 16 attributes' })
    .optional()
    .describe('events: only with all of these attributes.'),
});

/**
 * The public API: JSON-RPC 2.0 over `POST /` and over WebSocket, parameters by name. Everything else is made from this table:
 * the types of client and server, validation, the OpenRPC document and docs/api.md.
 */
export const contract = {
  submit: method('Offers a transaction to the network.', {
    params: z.strictObject({ tx: shape.transactionBytes, wait: shape.wait, timeoutMs: shape.timeoutMs }),
    result: shape.submission,
    errors: ['rpc/unavailable', 'mempool/full'],
  }),
  submitBatch: method('Offers many transactions and answers for each, in order. `POST /tx` does the same in binary.', {
    params: z.strictObject({
      txs: z.array(shape.transactionBytes).min(1).max(MAX_BATCH_TRANSACTIONS),
      wait: shape.wait,
      timeoutMs: shape.timeoutMs,
    }),
    result: z.object({ results: z.array(shape.submission) }),
    errors: ['rpc/unavailable', 'mempool/full'],
  }),
  transaction: method('What became of a transaction.', {
    params: z.strictObject({ id: shape.digest }),
    result: shape.transactionStatus,
  }),
  status: method('Where this node stands.', { params: none, result: shape.status }),
  block: method('The finalized block at a height.', {
    params: z.strictObject({ height: shape.height }),
    result: shape.block,
    errors: ['rpc/not-found'],
  }),
  header: method('The header of the finalized block at a height; it is kept longer than the body.', {
    params: z.strictObject({ height: shape.height }),
    result: z.object({ header: shape.header, digest: shape.digest }),
    errors: ['rpc/not-found'],
  }),
  finality: method(
    "What proves the header at a height final to a light client that trusts its epoch's validator set.",
    {
      params: z.strictObject({ height: shape.height }),
      result: z.object({ claim: shape.base64.describe('A FinalityClaim in the canonical codec.'), ...claim }),
      errors: ['rpc/not-found'],
    },
  ),
  epoch: method('What takes a light client from the validator set of an epoch to the next one.', {
    params: z.strictObject({ epoch: shape.epoch }),
    result: z.object({
      claim: shape.base64.describe('An EpochClaim in the canonical codec.'),
      ...claim,
      next: shape.validatorSet,
    }),
    errors: ['rpc/not-found'],
  }),
  validators: method('The validator set of an epoch; the current one when none is named.', {
    params: z.strictObject({ epoch: shape.epoch.optional() }),
    result: shape.validatorSet.extend({ set: shape.base64.describe('The set in the canonical codec.') }),
    errors: ['rpc/not-found'],
  }),
  evidence: method('Evidence of misbehaviour known to this node, newest first.', {
    params: z.strictObject({ limit: z.int().min(1).max(256).default(64) }),
    result: z.object({ evidence: z.array(shape.evidenceRecord) }),
  }),
  submitEvidence: method(
    'Offers evidence of misbehaviour: the node verifies it, keeps it, tells its peers and has it put into a block. Offered again it is accepted again.',
    {
      params: z.strictObject({
        evidence: shape.base64.min(4).max(MAX_EVIDENCE_TEXT).describe('One piece of evidence in the canonical codec.'),
      }),
      result: shape.evidenceSubmission,
      errors: ['rpc/unavailable'],
    },
  ),
  account: method(
    'An account of the built-in ledger, with a proof: state proof and finality of the header that carries the root.',
    {
      params: z.strictObject({ address: shape.address }),
      result: z.object({
        address: shape.address,
        height: shape.height.describe('The account is that after this height.'),
        account: z.object({ balance: shape.amount, nonce: z.int().min(0) }).nullable(),
        claim: shape.base64.describe('A StateClaim in the canonical codec.'),
      }),
      errors: ['address/invalid', 'application/unsupported', 'rpc/timeout', 'rpc/unavailable'],
    },
  ),
  query: method('Asks the application. With `prove`, adds what proves the answer.', {
    params: z.strictObject({
      path: z.string().max(256),
      data: shape.base64.max(1 << 20).default(''),
      height: shape.height.default(0).describe('0: the latest committed.'),
      prove: z.boolean().default(false),
    }),
    result: z.object({
      code: z.int(),
      log: z.string(),
      height: shape.height,
      value: shape.base64,
      proof: shape.base64,
      finality: shape.base64
        .nullable()
        .describe('FinalityClaim of the header with the root after `height`; null without `prove`.'),
    }),
    errors: ['application/failed', 'rpc/timeout', 'rpc/unavailable'],
  }),
  checkpoint: method(
    'The latest finalized block: what another light client may start from, once somebody it trusts vouches for it.',
    {
      params: none,
      result: z.object({ height: shape.height, digest: shape.digest, time: shape.millis }),
    },
  ),
  genesis: method('What the chain started from.', { params: none, result: shape.genesis }),
  subscribe: method(
    'Follows finalized blocks, their transactions or their events: one notification `subscription` per height, in order, none left out.',
    {
      params: z.strictObject({
        kind: z.enum(['blocks', 'transactions', 'events']),
        filter: subscriptionFilter.default({}),
        from: shape.height.min(1).optional().describe('First height; the next one to be finalized when absent.'),
      }),
      result: z.object({ subscription: z.int(), from: shape.height }),
      errors: ['rpc/unavailable', 'subscription/pruned'],
      over: 'websocket',
    },
  ),
  unsubscribe: method('Ends a subscription of this connection.', {
    params: z.strictObject({ subscription: z.int() }),
    result: z.object({ ended: z.boolean() }),
    over: 'websocket',
  }),
  'rpc.discover': method('This API as an OpenRPC document.', {
    params: none,
    result: z.record(z.string(), z.unknown()),
  }),
} as const satisfies Record<string, MethodSpec>;

export type Contract = typeof contract;
export type Method = keyof Contract;
/** What a caller passes; defaults may be left out. */
export type Params<M extends Method> = z.input<Contract[M]['params']>;
/** What a handler receives: checked, defaults filled in. */
export type CheckedParams<M extends Method> = z.output<Contract[M]['params']>;
export type Result<M extends Method> = z.output<Contract[M]['result']>;

export function isMethod(name: string): name is Method {
  return Object.hasOwn(contract, name);
}

const subscribed = { subscription: z.int(), height: shape.height };
const transactionItem = z.object({ id: shape.digest, index: z.int(), receipt: shape.receipt });
const eventItem = shape.appEvent.extend({
  transaction: shape.digest.nullable().describe('null: of the block as a whole.'),
  index: z.int().nullable(),
});

/** Parameters of the notification `subscription`. Heights without a match come too, with no items: they show that none is missing. */
export const notification = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('blocks'), ...subscribed, block: z.union([shape.block, shape.blockSummary]) }),
  z.object({ kind: z.literal('transactions'), ...subscribed, items: z.array(transactionItem) }),
  z.object({ kind: z.literal('events'), ...subscribed, items: z.array(eventItem) }),
  z.object({
    kind: z.literal('ended'),
    subscription: z.int(),
    code: z.string(),
    message: z.string(),
    from: shape.height.describe('Subscribe again from this height: nothing is missed.'),
  }),
]);
export type Notification = z.infer<typeof notification>;
export type SubscriptionFilter = z.infer<typeof subscriptionFilter>;
export type SubscriptionKind = 'blocks' | 'transactions' | 'events';
export type BlockJson = z.infer<typeof shape.block>;
export type BlockSummaryJson = z.infer<typeof shape.blockSummary>;
export type SubmissionJson = z.infer<typeof shape.submission>;
export type TransactionStatusJson = z.infer<typeof shape.transactionStatus>;
export type TransactionItem = z.infer<typeof transactionItem>;
export type EventItem = z.infer<typeof eventItem>;
