import {
  bytes,
  type Certificate,
  type CertificateRef,
  type Codec,
  certificateCodec,
  checked,
  type Digest,
  digest,
  type Epoch,
  type Header,
  headerCodec,
  list,
  MAX_SIGNATURE_BYTES,
  QuorateError,
  statementCodec,
  struct,
  u53,
  union,
  type View,
  type Vote,
  voteCodec,
} from '@quorate/kernel';

/** What Simplex validators say to each other. */
export type SimplexMessage =
  /** A leader's block: its signature is the leader's Notarize vote. The justification is empty when it must be asked for. */
  | {
      readonly kind: 'proposal';
      readonly header: Header;
      readonly signature: Uint8Array;
      readonly justification: readonly Certificate[];
    }
  | { readonly kind: 'vote'; readonly vote: Vote }
  | { readonly kind: 'certificate'; readonly certificate: Certificate }
  /** Asks for certificates by kind and view; the block named in a reference is not compared. */
  | { readonly kind: 'want'; readonly certificates: readonly CertificateRef[] }
  /** Asks a leader for the justification of its proposal from its certificate number `from` on. */
  | {
      readonly kind: 'wantJustification';
      readonly epoch: Epoch;
      readonly view: View;
      readonly block: Digest;
      readonly from: number;
    }
  | {
      readonly kind: 'justification';
      readonly epoch: Epoch;
      readonly view: View;
      readonly block: Digest;
      readonly from: number;
      readonly certificates: readonly Certificate[];
    };

/** Bounds that a decoder enforces before the engine sees a message. */
export const decodeLimits = {
  /** Certificates in one `want`. */
  wants: 64,
  /** Certificates in one proposal or part of a justification. */
  justification: 4096,
  /** Bytes of one message: the transport's limit for votes holds it. */
  messageBytes: 2 << 20,
} as const;

const certificates = list(certificateCodec, decodeLimits.justification) as Codec<readonly Certificate[]>;

const wants = checked(
  list(statementCodec, decodeLimits.wants),
  (wanted) => {
    const epoch = wanted[0]?.epoch;
    if (epoch === undefined || wanted.some((ref) => ref.epoch !== epoch)) {
      throw new QuorateError('codec/invalid', 'a want names certificates of exactly one epoch');
    }
  },
  (next) => {
    const epoch = u53.sample(next);
    return Array.from({ length: 1 + (next() % 3) }, () => ({ ...statementCodec.sample(next), epoch }));
  },
) as Codec<readonly CertificateRef[]>;

export const simplexMessageCodec: Codec<SimplexMessage> = union<SimplexMessage>({
  proposal: [1, struct({ header: headerCodec, signature: bytes(MAX_SIGNATURE_BYTES), justification: certificates })],
  vote: [2, struct({ vote: voteCodec })],
  certificate: [3, struct({ certificate: certificateCodec })],
  want: [4, struct({ certificates: wants })],
  wantJustification: [5, struct({ epoch: u53, view: u53, block: digest, from: u53 })],
  justification: [6, struct({ epoch: u53, view: u53, block: digest, from: u53, certificates })],
});

/** The epoch whose engine a message is for. */
export function epochOfMessage(message: SimplexMessage): Epoch {
  switch (message.kind) {
    case 'proposal':
      return message.header.epoch;
    case 'vote':
      return message.vote.statement.epoch;
    case 'certificate':
      return message.certificate.statement.epoch;
    case 'want':
      return message.certificates[0]?.epoch ?? -1;
    case 'wantJustification':
    case 'justification':
      return message.epoch;
  }
}
