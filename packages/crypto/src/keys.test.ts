import { type Random, type SecretKey, toHex } from '@quorate/kernel';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createEd25519Suite } from './ed25519.ts';
import { decryptKey, encryptKey, readKeyFile } from './keys.ts';
import { createPureSuites } from './suites.ts';

const suites = createPureSuites();
const secret = createEd25519Suite().secretFromSeed(new Uint8Array(32).fill(9));
const random: Random = { bytes: (count) => Uint8Array.from({ length: count }, (_, i) => (i * 37 + count) & 255) };
const cheap = { N: 16, r: 8, p: 1 };
const code = (expected: string) => expect.objectContaining({ code: expected });

const sealed = (key: SecretKey = secret, scrypt = cheap): string =>
  encryptKey(key, 'validator', { passphrase: 'correct horse', random, scrypt });

describe('key files', () => {
  it('give back the key under its passphrase, and hold it nowhere in the clear', () => {
    for (const suite of ['ed25519', 'bls12-381'] as const) {
      const key = suites.get(suite).secretFromSeed(new Uint8Array(32).fill(3));
      const text = sealed(key);
      expect(text).not.toContain(toHex(key.export()));
      const opened = decryptKey(text, 'validator', 'correct horse', suites);
      expect(opened.export()).toEqual(key.export());
      expect(readKeyFile(text)).toEqual({ kind: 'validator', suite, publicKey: key.publicKey, encrypted: true });
    }
  });

  it('are sealed with N = 2^17, r = 8, p = 1 unless told otherwise', () => {
    const text = encryptKey(secret, 'node', { passphrase: 'x', random });
    expect(JSON.parse(text)).toMatchObject({ secret: { N: 131_072, r: 8, p: 1 } });
    expect(decryptKey(text, 'node', 'x', suites).publicKey).toEqual(secret.publicKey);
  });

  it('take the same passphrase however it is composed', () => {
    const text = encryptKey(secret, 'node', { passphrase: 'caf\u00e9', random, scrypt: cheap });
    expect(decryptKey(text, 'node', 'cafe\u0301', suites).publicKey).toEqual(secret.publicKey);
  });

  it('can be open for development networks', () => {
    const text = encryptKey(secret, 'node', { plain: true });
    expect(readKeyFile(text).encrypted).toBe(false);
    expect(decryptKey(text, 'node', null, suites).export()).toEqual(secret.export());
  });

  it('refuse a wrong or missing passphrase', () => {
    expect(() => decryptKey(sealed(), 'validator', 'wrong', suites)).toThrowError(code('key/decrypt'));
    expect(() => decryptKey(sealed(), 'validator', null, suites)).toThrowError(code('key/decrypt'));
  });

  it('refuse to serve as another kind of key', () => {
    expect(() => decryptKey(sealed(), 'node', 'correct horse', suites)).toThrowError(code('key/invalid'));
    const renamed = sealed().replace('"validator"', '"node"');
    expect(() => decryptKey(renamed, 'node', 'correct horse', suites)).toThrowError(code('key/decrypt'));
  });

  it('refuse a secret that is not that of their public key', () => {
    const other = createEd25519Suite().secretFromSeed(new Uint8Array(32).fill(8));
    const text = encryptKey(secret, 'node', { plain: true }).replace(toHex(secret.publicKey), toHex(other.publicKey));
    expect(() => decryptKey(text, 'node', null, suites)).toThrowError(code('key/invalid'));
  });

  it('cannot make the reader allocate more than 256 MiB or work without end', () => {
    for (const hostile of [
      { N: 2 ** 30, r: 8, p: 1 },
      { N: 2 ** 17, r: 1024, p: 1 },
      { N: 16, r: 8, p: 1_000_000 },
      { N: 1000, r: 8, p: 1 },
      { N: 0, r: 8, p: 1 },
      { N: -16, r: 8, p: 1 },
      { N: 16, r: 0, p: 1 },
      { N: 16, r: -8, p: -1 },
      { N: 2 ** 60, r: 8, p: 1 },
    ]) {
      const text = sealed()
        .replace('"N": 16', `"N": ${hostile.N}`)
        .replace('"r": 8', `"r": ${hostile.r}`)
        .replace('"p": 1', `"p": ${hostile.p}`);
      expect(() => decryptKey(text, 'validator', 'correct horse', suites)).toThrowError(code('key/invalid'));
    }
    expect(() => readKeyFile(`${sealed()}${' '.repeat(20_000)}`)).toThrowError(code('key/invalid'));
  });

  it('notice every changed character of what they seal', () => {
    const text = sealed();
    const sealedHex: string = JSON.parse(text).secret.bytes;
    for (let at = 0; at < sealedHex.length; at++) {
      const changed = sealedHex.slice(0, at) + (sealedHex[at] === '0' ? '1' : '0') + sealedHex.slice(at + 1);
      expect(() => decryptKey(text.replace(sealedHex, changed), 'validator', 'correct horse', suites)).toThrowError(
        code('key/decrypt'),
      );
    }
  });

  it('refuse any other text with a typed error', () => {
    const template: unknown = JSON.parse(sealed());
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.jsonValue().map((value) => JSON.stringify(Object.assign({}, template, { secret: value }))),
        ),
        (text) => {
          expect(() => decryptKey(text, 'validator', 'x', suites)).toThrowError(code('key/invalid'));
        },
      ),
      { numRuns: 300 },
    );
  });
});
