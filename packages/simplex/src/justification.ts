import {
  blockOf,
  type Certificate,
  type Codec,
  certificateCodec,
  type Digest,
  equalBytes,
  type Header,
  type StatementKind,
  toHex,
  type View,
  withEncoding,
} from '@quorate/kernel';
import { shapeFault } from './certificates.ts';
import type { State } from './state.ts';

/** The digest under which a header commits to these certificates, and their size. */
export function digestOf(
  state: State,
  certificates: readonly Certificate[],
): { readonly digest: Digest; readonly bytes: number } {
  return withEncoding(oneAfterAnother, certificates, (bytes) => ({
    digest: toHex(state.parts.hash(bytes)),
    bytes: bytes.length,
  }));
}

/** What `justificationDigest` of the kernel hashes. */
const oneAfterAnother: Pick<Codec<readonly Certificate[]>, 'write'> = {
  write: (to, certificates) => {
    for (const certificate of certificates) certificateCodec.write(to, certificate);
  },
};

/**
 * S2: whether certificates are what a header needs: the parent's Notarization or Finalization (none for view 0, which is
 * final by itself), then the Nullification of every skipped view, in view order. Signatures are checked elsewhere.
 */
export function justifies(state: State, header: Header, certificates: readonly Certificate[]): boolean {
  const { view, parentView, parentDigest } = header;
  if (parentView >= view) return false;
  const withParent = parentView > 0 ? 1 : 0;
  if (certificates.length !== withParent + (view - parentView - 1)) return false;
  return certificates.every((certificate, index) => {
    if (shapeFault(state, certificate) !== null) return false;
    const { statement } = certificate;
    if (index < withParent) {
      return statement.kind !== 'nullify' && statement.view === parentView && blockOf(statement) === parentDigest;
    }
    return statement.kind === 'nullify' && statement.view === parentView + 1 + index - withParent;
  });
}

/** S2: whether every view strictly between is held to be nullified. */
export function skippedAreNullified(state: State, parentView: View, view: View): boolean {
  for (let at = parentView + 1; at < view; at++) {
    if ((state.rounds.get(at)?.nullification ?? null) === null) return false;
  }
  return true;
}

/** Whether exactly these bytes were checked before. */
export function isHeld(state: State, certificate: Certificate): boolean {
  const { kind, view } = certificate.statement;
  const held = view === state.floor.view ? floorCertificate(state, kind) : state.rounds.get(view)?.certificate(kind);
  return (
    held !== null &&
    held !== undefined &&
    blockOf(held.statement) === blockOf(certificate.statement) &&
    equalBytes(held.signers, certificate.signers) &&
    equalBytes(held.signature, certificate.signature)
  );
}

function floorCertificate(state: State, kind: StatementKind): Certificate | null {
  return kind === 'finalize' ? state.floor.certificate : null;
}

export type Chosen =
  | {
      readonly kind: 'parent';
      readonly view: View;
      readonly digest: Digest;
      readonly final: boolean;
      readonly justification: readonly Certificate[];
    }
  /** No certificate of this view is here that would let the search go on. */
  | { readonly kind: 'missing'; readonly view: View };

/** S2: the highest parent below `view` that is final, or notarized and accepted, with all views between nullified. */
export function chooseParent(state: State, view: View, usable: (digest: Digest) => boolean): Chosen {
  const nullifications: Certificate[] = [];
  for (let at = view - 1; ; at--) {
    if (at === state.floor.view) {
      const { block, certificate } = state.floor;
      if (at > 0 && certificate === null) return { kind: 'missing', view: at };
      const own = at > 0 && certificate !== null ? [certificate] : [];
      const justification = [...own, ...nullifications];
      return { kind: 'parent', view: at, digest: block.ref.digest, final: true, justification };
    }
    const round = state.rounds.get(at);
    const certificate = round?.finalization ?? (round?.accepted ? round.notarization : null) ?? null;
    const digest = certificate === null ? null : blockOf(certificate.statement);
    if (certificate !== null && digest !== null && usable(digest)) {
      const final = certificate.statement.kind === 'finalize';
      return { kind: 'parent', view: at, digest, final, justification: [certificate, ...nullifications] };
    }
    const skipped = round?.nullification ?? null;
    if (skipped === null) return { kind: 'missing', view: at };
    nullifications.unshift(skipped);
  }
}
