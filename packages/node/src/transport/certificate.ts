import { createPrivateKey, createPublicKey, type KeyObject, sign, type X509Certificate } from 'node:crypto';
import { isHex, type PeerId, QuorateError, toHex } from '@quorate/kernel';

/** What a TLS end presents: the node key and a certificate that carries nothing but its public half. */
export interface Credentials {
  readonly peer: PeerId;
  /** PEM. */
  readonly key: string;
  /** PEM. */
  readonly certificate: string;
}

// RFC 8410: an Ed25519 private key is these bytes and the seed, a public key these bytes and the point.
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const KEY_BYTES = 32;

const TAG = { integer: 0x02, bits: 0x03, oid: 0x06, utf8: 0x0c, utcTime: 0x17, generalizedTime: 0x18 } as const;
const SEQUENCE = 0x30;
const SET = 0x31;
const VERSION = 0xa0;

const ED25519 = der(SEQUENCE, der(TAG.oid, Buffer.from('2b6570', 'hex')));
const COMMON_NAME = der(TAG.oid, Buffer.from('550403', 'hex'));

function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function pem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/**
 * Credentials of a node key: a self-signed X.509 v3 certificate (RFC 5280, RFC 8410) whose only statement is the key.
 * Nobody checks its names and dates, peers compare the key; so both are constant and the certificate needs no clock.
 * Throws `key/invalid` unless `seed` has 32 bytes.
 */
export function createCredentials(seed: Uint8Array): Credentials {
  if (seed.length !== KEY_BYTES) {
    throw new QuorateError('key/invalid', `a node key is a seed of ${KEY_BYTES} bytes, not ${seed.length}`);
  }
  const pkcs8 = Buffer.concat([PKCS8_PREFIX, seed]);
  const secret = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(secret).export({ format: 'der', type: 'spki' });
  const peer = toHex(spki.subarray(SPKI_PREFIX.length));
  const name = der(SEQUENCE, der(SET, der(SEQUENCE, COMMON_NAME, der(TAG.utf8, Buffer.from(peer, 'ascii')))));
  const validity = der(
    SEQUENCE,
    der(TAG.utcTime, Buffer.from('200101000000Z', 'ascii')),
    der(TAG.generalizedTime, Buffer.from('99991231235959Z', 'ascii')), // RFC 5280, 4.1.2.5: no well-defined end
  );
  const body = der(
    SEQUENCE,
    der(VERSION, der(TAG.integer, Buffer.from([2]))),
    der(TAG.integer, Buffer.from([1])),
    ED25519,
    name,
    validity,
    name,
    spki,
  );
  const signature = der(TAG.bits, Buffer.from([0]), sign(null, body, secret));
  return {
    peer,
    key: pem('PRIVATE KEY', pkcs8),
    certificate: pem('CERTIFICATE', der(SEQUENCE, body, ED25519, signature)),
  };
}

/** The node key that a presented certificate carries, or `null` when it is not an Ed25519 one. TLS has proven possession. */
export function peerOf(certificate: X509Certificate | undefined): PeerId | null {
  if (certificate === undefined) return null;
  let key: KeyObject;
  try {
    key = certificate.publicKey;
  } catch {
    return null;
  }
  if (key.asymmetricKeyType !== 'ed25519') return null;
  const spki = key.export({ format: 'der', type: 'spki' });
  if (spki.length !== SPKI_PREFIX.length + KEY_BYTES) return null;
  return toHex(spki.subarray(SPKI_PREFIX.length));
}

/** Whether `text` is a node key as it is written in configuration and genesis. */
export function isPeerId(text: string): boolean {
  return isHex(text, KEY_BYTES);
}
