import { createPureSuites, sha256 } from '@quorate/crypto';
import { equalBytes } from '@quorate/kernel';
import { addressOf, bondStatement, decodeTransaction } from '@quorate/ledger';
import { describe, expect, it } from 'vitest';
import { accountKeyFromSeed } from './keys.ts';
import { bondOf, formatOffer, offerValidator, parseOffer } from './offer.ts';
import { TransactionBuilder } from './sender.ts';

const seed = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const owner = accountKeyFromSeed(seed(1));
const node = accountKeyFromSeed(seed(2));
const terms = { chainId: 'a-chain', owner: addressOf(sha256, owner.publicKey), address: 'host:26600' };

describe('the offer of a validator', () => {
  it.each(['ed25519', 'bls12-381'] as const)('is read as it was written, and bonds: %s', (name) => {
    const suite = createPureSuites().get(name);
    const offer = offerValidator(terms, { voting: suite.secretFromSeed(seed(3)), node });
    const read = parseOffer(formatOffer(offer));
    expect(formatOffer(read)).toBe(formatOffer(offer));
    const builder = new TransactionBuilder(
      { chainId: terms.chainId, minimumFee: 1n, feePerByte: 1n, nonce: 0 },
      { key: owner },
    );
    const { action } = decodeTransaction(builder.build(bondOf(read, 7n)));
    if (action.kind !== 'bond') throw new Error('no bond');
    const { publicKey, peer, proof } = action.validator;
    const message = bondStatement({ ...terms, publicKey, peer });
    expect(suite.verifyPossession(publicKey, proof)).toBe(true);
    expect(suite.verify({ publicKey, message, signature: action.consent.voting })).toBe(true);
    const ofNode = { publicKey: node.publicKey, message, signature: action.consent.node };
    expect(createPureSuites().get('ed25519').verify(ofNode)).toBe(true);
    expect(equalBytes(read.owner, terms.owner)).toBe(true);
  });

  const voting = accountKeyFromSeed(seed(3));
  const text = formatOffer(offerValidator(terms, { voting, node }));

  it.each<[string, (text: string) => string, string]>([
    ['no JSON', (t) => t.slice(1), 'not JSON'],
    ['a field missing', (t) => t.replace('"chainId"', '"chain"'), 'chainId'],
    ['a key that is not hexadecimal', (t) => t.replace(/"publicKey": "../, '"publicKey": "zz'), 'validator.publicKey'],
    ['a short signature', (t) => t.replace(/"node": "../, '"node": "'), 'consent.node'],
  ])('is refused with %s, by a message that names it', (_, change, where) => {
    expect(() => parseOffer(change(text))).toThrow(
      expect.objectContaining({ code: 'transaction/invalid', message: expect.stringContaining(where) }),
    );
  });

  it('is refused with a mistyped owner', () => {
    const mistyped = text.replace(/"owner": "q(.)/, (_, c: string) => `"owner": "q${c === '0' ? '1' : '0'}`);
    expect(() => parseOffer(mistyped)).toThrow(expect.objectContaining({ code: 'address/invalid' }));
  });
});
