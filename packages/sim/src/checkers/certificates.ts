import { type Certificate, headerDigest, type SignatureSuite, signedBytes, toHex } from '@quorate/kernel';
import type { FinalityProof } from '@quorate/replica';
import { sha256 } from '../hash.ts';
import { isTwoThirds, type Membership } from './sets.ts';

export interface CertificateContext {
  readonly chainId: string;
  readonly suite: SignatureSuite;
  /** Who votes in the epoch of the certificate. */
  readonly members: Membership;
}

/** Why a certificate proves nothing, or null: its bits are read, its weights added up and its signatures verified here anew. */
export function unsoundness({ chainId, suite, members }: CertificateContext, certificate: Certificate): string | null {
  const { statement, signers, signature } = certificate;
  const { members: ordered, total } = members;
  if (signers.length !== (ordered.length + 7 - ((ordered.length + 7) % 8)) / 8) return 'its bitmap has another length';
  const keys: Uint8Array[] = [];
  let weight = 0;
  for (let bit = 0; bit < signers.length * 8; bit++) {
    const byte = signers[(bit - (bit % 8)) / 8] ?? 0;
    if ((byte & (2 ** (bit % 8))) === 0) continue;
    const member = ordered[bit];
    if (member === undefined) return `its bitmap names signer ${bit} of ${ordered.length}`;
    keys.push(member.publicKey);
    weight += member.weight;
  }
  if (!isTwoThirds(weight, total)) return `its signers weigh ${weight} of ${total}`;
  return suite.verifyAggregate(keys, signedBytes(chainId, statement), signature)
    ? null
    : 'its signatures do not verify';
}

/** Why a finality proof proves nothing for a block, or null. */
export function proofFault(
  context: CertificateContext,
  block: string,
  { headers, certificate }: FinalityProof,
): string | null {
  let name: string | null = null;
  for (const header of headers) {
    if (name !== null && header.parentDigest !== name) return `its header at height ${header.height} is no child`;
    const digest = headerDigest(sha256, context.chainId, header);
    if (name === null && digest !== block) return `its first header is ${digest}`;
    name = digest;
  }
  const { statement } = certificate;
  if (statement.kind !== 'finalize') return `its certificate is one of ${statement.kind}`;
  if (statement.block !== name) return `its certificate is for block ${statement.block}`;
  const last = headers.at(-1);
  if (last?.view !== statement.view || last.epoch !== statement.epoch) return 'its certificate is of another view';
  return unsoundness(context, certificate);
}

/** A short name of a certificate with its signers, so that each is verified once. */
export function nameOf({ statement, signers, signature }: Certificate): string {
  return `${JSON.stringify(statement)} ${toHex(signers)} ${toHex(sha256(signature)).slice(0, 16)}`;
}
