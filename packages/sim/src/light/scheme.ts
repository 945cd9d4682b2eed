import {
  type Certificate,
  QuorateError,
  type SignatureSuite,
  type SignerIndex,
  type Statement,
  sameStatement,
  type Verifiable,
  type Vote,
} from '@quorate/kernel';
import { mix } from './mixing.ts';

const BYTES = 8;
/**
 * Signatures that are remembered per validator: those of about sixty views, several of each kind. Older ones do not verify any more.
 * Not more than needed, since what stays costs the collector most.
 */
const REMEMBERED_EACH = 256;

/** What a signature of this scheme is of, by one signer or by several. */
interface Issued {
  readonly number: number;
  readonly check: number;
  readonly statement: Statement;
  /** Of a signature by one; -1 for several. */
  readonly signer: SignerIndex;
  /** Of several: their bits. */
  readonly signers: Uint8Array | null;
  /** The certificate found to name exactly those signers. */
  held: Certificate | null;
}

function unsupported(): never {
  throw new QuorateError('config/invalid', 'engines alone have no keys: signatures are looked up in a table');
}

/**
 * Signatures without keys: eight bytes are a number and a check, and the table tells what was signed under that number and by whom.
 * Only what a signer signed is in the table, so nothing can be forged, and checking is a look-up.
 */
export class LightScheme {
  readonly #issued: Issued[] = [];
  readonly #remembered: number;
  readonly #bitmapBytes: number;
  #next = 1;

  constructor(validators: number) {
    this.#remembered = REMEMBERED_EACH * Math.max(4, validators);
    this.#bitmapBytes = (validators + 7) >> 3;
  }

  /** What engines join signatures with. */
  readonly suite: SignatureSuite = {
    name: 'simulated',
    publicKeyBytes: 2,
    signatureBytes: BYTES,
    aggregateBytes: () => BYTES,
    secretFromSeed: unsupported,
    secretFromBytes: unsupported,
    isPublicKey: () => true,
    verifyPossession: () => true,
    verify: unsupported,
    findInvalid: unsupported,
    aggregate: (signatures) => this.#aggregate(signatures),
    verifyAggregate: unsupported,
  };

  sign(signer: SignerIndex, statement: Statement): Uint8Array {
    return this.#issue(statement, signer, null);
  }

  /** Whether the vote's signer signed its statement. */
  holdsVote({ statement, signer, signature }: Vote): boolean {
    const issued = this.#find(signature);
    return issued !== null && issued.signer === signer && says(issued.statement, statement);
  }

  /** Whether exactly the signers that a certificate names signed its statement. Their weight is not looked at. */
  holdsCertificate(certificate: Certificate): boolean {
    const issued = this.#find(certificate.signature);
    if (issued === null || issued.signers === null) return false;
    if (issued.held === certificate) return true;
    if (!says(issued.statement, certificate.statement)) return false;
    if (certificate.signers.length !== issued.signers.length) return false;
    for (let i = 0; i < issued.signers.length; i++) if (issued.signers[i] !== certificate.signers[i]) return false;
    issued.held = certificate;
    return true;
  }

  /** Indices of the items that do not hold. */
  findInvalid(items: readonly Verifiable[]): number[] {
    const invalid: number[] = [];
    for (let index = 0; index < items.length; index++) {
      const item = items[index] as Verifiable;
      const holds = item.kind === 'vote' ? this.holdsVote(item.vote) : this.holdsCertificate(item.certificate);
      if (!holds) invalid.push(index);
    }
    return invalid;
  }

  #issue(statement: Statement, signer: SignerIndex, signers: Uint8Array | null): Uint8Array {
    const number = this.#next++ >>> 0;
    const check = mix(number, statement.view ^ 0x5bd1_e995);
    this.#issued[number % this.#remembered] = { number, check, statement, signer, signers, held: null };
    const signature = new Uint8Array(BYTES);
    for (let i = 0; i < 4; i++) {
      signature[i] = number >>> (8 * i);
      signature[4 + i] = check >>> (8 * i);
    }
    return signature;
  }

  #find(signature: Uint8Array): Issued | null {
    if (signature.length !== BYTES) return null;
    const number = wordAt(signature, 0) >>> 0;
    const issued = this.#issued[number % this.#remembered];
    return issued?.number === number && issued.check === wordAt(signature, 4) ? issued : null;
  }

  #aggregate(signatures: readonly Uint8Array[]): Uint8Array {
    const signers = new Uint8Array(this.#bitmapBytes);
    let statement: Statement | null = null;
    for (const part of signatures) {
      const issued = this.#find(part);
      // Signatures that do not belong together join into bytes that are in no table.
      if (issued === null || issued.signers !== null) return new Uint8Array(BYTES);
      if (statement !== null && !says(statement, issued.statement)) return new Uint8Array(BYTES);
      statement = issued.statement;
      const { signer } = issued;
      signers[signer >> 3] = (signers[signer >> 3] ?? 0) | (1 << (signer & 7));
    }
    return statement === null ? new Uint8Array(BYTES) : this.#issue(statement, -1, signers);
  }
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

function says(a: Statement, b: Statement): boolean {
  return a === b || sameStatement(a, b);
}
