import type { Digest } from './bytes.ts';
import { type Codec, digest, encode, struct, text, u53, union } from './codec.ts';

/** Epochs count from 0. */
export type Epoch = number;
/** Views count from 1 within an epoch; view 0 is the epoch's floor. */
export type View = number;
/** Heights count from 1; height 0 is genesis. */
export type Height = number;

/**
 * What a validator can sign. Each kind names the rule by which the signing gate admits it:
 * votes by the Simplex gate (`simplex.md`, "Signing gate"). Other engines add their kinds here.
 */
export type Statement =
  | { readonly kind: 'notarize'; readonly epoch: Epoch; readonly view: View; readonly block: Digest }
  | { readonly kind: 'nullify'; readonly epoch: Epoch; readonly view: View }
  | { readonly kind: 'finalize'; readonly epoch: Epoch; readonly view: View; readonly block: Digest };

export type StatementKind = Statement['kind'];

const ballot = struct<{ epoch: Epoch; view: View; block: Digest }>({ epoch: u53, view: u53, block: digest });

export const statementCodec: Codec<Statement> = union<Statement>({
  notarize: [1, ballot],
  nullify: [2, struct({ epoch: u53, view: u53 })],
  finalize: [3, ballot],
});

const signed = struct<{ domain: string; chainId: string; statement: Statement }>({
  domain: text(32),
  chainId: text(64),
  statement: statementCodec,
});

/** The bytes that are signed for a statement: separated by domain, chain, epoch and kind. */
export function signedBytes(chainId: string, statement: Statement): Uint8Array {
  return encode(signed, { domain: 'quorate/statement/1', chainId, statement });
}

/** Whether two statements say the same. */
export function sameStatement(a: Statement, b: Statement): boolean {
  return a.kind === b.kind && a.epoch === b.epoch && a.view === b.view && blockOf(a) === blockOf(b);
}

/** The block that a statement names, or `null`. */
export function blockOf(statement: Statement): Digest | null {
  return statement.kind === 'nullify' ? null : statement.block;
}
