import { X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createCredentials, isPeerId, peerOf } from './certificate.ts';

describe('credentials', () => {
  test('are a self-signed certificate of the node key, the same for the same seed', () => {
    const seed = new Uint8Array(32).fill(7);
    const credentials = createCredentials(seed);
    const certificate = new X509Certificate(credentials.certificate);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.subject).toBe(`CN=${credentials.peer}`);
    expect(certificate.issuer).toBe(certificate.subject);
    expect(peerOf(certificate)).toBe(credentials.peer);
    expect(isPeerId(credentials.peer)).toBe(true);
    expect(createCredentials(seed)).toEqual(credentials);
  });

  test('follow RFC 8032: the public key of its first test vector', () => {
    const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex');
    expect(createCredentials(seed).peer).toBe('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a');
  });

  test('need 32 bytes', () => {
    expect(() => createCredentials(new Uint8Array(31))).toThrow(expect.objectContaining({ code: 'key/invalid' }));
  });

  test('no certificate, no peer', () => {
    expect(peerOf(undefined)).toBeNull();
  });
});
