import {
  type Certificate,
  type Codec,
  certificateCodec,
  type Header,
  headerCodec,
  list,
  type Statement,
  statementCodec,
  struct,
  union,
} from '@quorate/kernel';

/** What an engine must not forget. Records of other epochs and of views at or below the floor restore nothing. */
export type SimplexRecord =
  /** The three durable facts per view: `notarized = P`, `nullified`, `finalizeVoted`. Written before the signature is asked for. */
  | { readonly kind: 'voted'; readonly statement: Statement }
  /** The proposal behind a Notarize vote of ours; of our own views, the one that may be sent again. */
  | { readonly kind: 'proposal'; readonly header: Header; readonly justification: readonly Certificate[] }
  | { readonly kind: 'certificate'; readonly certificate: Certificate };

export const simplexRecordCodec: Codec<SimplexRecord> = union<SimplexRecord>({
  voted: [1, struct({ statement: statementCodec })],
  proposal: [
    2,
    struct({
      header: headerCodec,
      justification: list(certificateCodec, 1 << 20) as Codec<readonly Certificate[]>,
    }),
  ],
  certificate: [3, struct({ certificate: certificateCodec })],
});
