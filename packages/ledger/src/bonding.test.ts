import { createBls12381Suite } from '@quorate/crypto';
import { type SecretKey, signedBytes, toHex } from '@quorate/kernel';
import { describe, expect, it } from 'vitest';
import {
  addresses,
  at,
  genesis,
  hash,
  keyOf,
  LedgerChain,
  STAKE,
  sign,
  suite,
  users,
  verifySignatures,
} from '../../../test/conformance/ledger-chain.ts';
import { MemoryStore } from '../../../test/conformance/memory-store.mjs';
import { type BondConsent, bondFault, bondStatement, consentToBond } from './bonding.ts';
import { createLedger } from './ledger.ts';
import { decodeStake } from './state.ts';
import { type Action, decodeTransaction, signedItemOf } from './transaction.ts';

type Bond = Extract<Action, { kind: 'bond' }>;

const { chainId } = genesis;
const [voting, node] = [keyOf(2000), keyOf(3000)];
const [newcomer, thief] = [3, 4];

function bondBy(user: number, keys: { voting: SecretKey; node: SecretKey }, change: Partial<Bond> = {}): Bond {
  const consent = consentToBond({ chainId, owner: at(addresses, user) }, keys);
  const { publicKey } = keys.voting;
  const validator = { publicKey, proof: keys.voting.prove(), peer: toHex(keys.node.publicKey), address: 'host:1' };
  return { kind: 'bond', validator, consent, amount: STAKE, ...change };
}

const real = bondBy(newcomer, { voting, node });
const own = bondBy(thief, { voting: keyOf(2001), node: keyOf(3001) });
const consentFor = (terms: { chainId?: string; owner?: number }, keys: { voting: SecretKey; node: SecretKey }) =>
  consentToBond({ chainId: terms.chainId ?? chainId, owner: at(addresses, terms.owner ?? newcomer) }, keys);

describe('a bond', () => {
  it('passes with the consent of both keys, again and again for its owner', async () => {
    const chain = await LedgerChain.begin();
    for (const nonce of [0, 1]) {
      const { receipts } = await chain.add([sign(at(users, newcomer), real, { nonce })]);
      expect(receipts).toMatchObject([{ code: 0 }]);
    }
    expect(decodeStake(await chain.value('stake', voting.publicKey)).amount).toBe(2n * STAKE);
  });

  it.each<[string, number, () => Bond, RegExp]>([
    ['when copied whole into a bond of another', thief, () => real, /node key does not consent/],
    [
      'when it claims a foreign voting key under an own node key',
      thief,
      () => ({
        ...real,
        validator: { ...real.validator, peer: own.validator.peer },
        consent: { voting: real.consent.voting, node: consentWith(thief, voting, keyOf(3001)).node },
      }),
      /voting key does not consent/,
    ],
    [
      'when it claims a foreign node key for an own voting key',
      thief,
      () => ({
        ...own,
        validator: { ...own.validator, peer: real.validator.peer },
        consent: { voting: consentWith(thief, keyOf(2001), node).voting, node: real.consent.node },
      }),
      /node key does not consent/,
    ],
    [
      'when its owner moves it to another node key',
      newcomer,
      () => ({
        ...real,
        validator: { ...real.validator, peer: own.validator.peer },
        consent: { voting: real.consent.voting, node: consentWith(newcomer, voting, keyOf(3001)).node },
      }),
      /voting key does not consent/,
    ],
    [
      'with consents of another chain',
      newcomer,
      () => ({ ...real, consent: consentFor({ chainId: 'elsewhere' }, { voting, node }) }),
      /node key does not consent/,
    ],
    [
      'with the consent of the voting key from another chain',
      newcomer,
      () => ({
        ...real,
        consent: { ...real.consent, voting: consentFor({ chainId: 'elsewhere' }, { voting, node }).voting },
      }),
      /voting key does not consent/,
    ],
    [
      'with the two signatures exchanged',
      newcomer,
      () => ({ ...real, consent: { voting: real.consent.node, node: real.consent.voting } }),
      /does not consent/,
    ],
  ])('is refused %s, alone and in a block', async (_, user, make, reason) => {
    const chain = await LedgerChain.begin();
    const tx = sign(at(users, user), make(), { nonce: 0 });
    expect(await chain.ledger.checkTx(tx, { now: 0, recheck: false })).toMatchObject({
      kind: 'rejected',
      reason: expect.stringMatching(reason),
    });
    expect(await chain.fault([tx])).toMatch(reason);
    // Whoever was copied is not hindered.
    expect((await chain.add([sign(at(users, newcomer), real, { nonce: 0 })])).receipts).toMatchObject([{ code: 0 }]);
  });

  it('of a BLS key needs the proof of possession and the consent: neither stands for the other', async () => {
    const bls = createBls12381Suite();
    const keys = { voting: bls.secretFromSeed(new Uint8Array(32).fill(9)), node };
    const parts = { hash, verifySignatures, votingSuite: bls };
    const fault = (bond: Bond, user = newcomer) => {
      const tx = sign(at(users, user), bond, { nonce: 0 });
      return bondFault(decodeTransaction(tx), bond, parts);
    };
    const good = bondBy(newcomer, keys);
    expect(await fault(good)).toBeNull();
    expect(await fault(good, thief)).toMatch(/does not consent/);
    const { proof } = good.validator;
    expect(await fault({ ...good, consent: { ...good.consent, voting: proof } })).toMatch(
      /voting key does not consent/,
    );
    const swapped = { ...good, validator: { ...good.validator, proof: good.consent.voting } };
    expect(await fault(swapped)).toMatch(/possession/);
  });

  it('is one of sixteen at most in a block, so that no block keeps its judges busy for long', async () => {
    const asked: Uint8Array[] = [];
    const votingSuite: typeof suite = {
      ...suite,
      verifyPossession: (publicKey, proof) => {
        asked.push(publicKey);
        return suite.verifyPossession(publicKey, proof);
      },
    };
    const ledger = await createLedger({}, { store: new MemoryStore(), hash, verifySignatures, votingSuite });
    await ledger.initChain(genesis);
    const chain = new LedgerChain(ledger);
    const bonds = Array.from({ length: 24 }, (_, i) =>
      sign(
        at(users, newcomer),
        bondBy(newcomer, { voting: keyOf(5000 + i), node: keyOf(6000 + i) }, { amount: 1_000_000n }),
        { nonce: i },
      ),
    );
    expect(await chain.fault(bonds)).toMatch(/at most 16 bonds/);
    expect(asked).toHaveLength(16);
    expect(await chain.fault(bonds)).toMatch(/at most 16 bonds/); // also when most of them are known
    const chosen = await ledger.prepareProposal(chain.block([]), bonds, 1 << 20);
    expect(chosen).toEqual(bonds.slice(0, 16));
    expect(await chain.fault(chosen)).toBeNull();
  });

  it('from a stranger costs a node only so many checks in a second', async () => {
    let asked = 0;
    const votingSuite: typeof suite = {
      ...suite,
      verifyPossession: () => {
        asked++;
        return false;
      },
    };
    const ledger = await createLedger({}, { store: new MemoryStore(), hash, verifySignatures, votingSuite });
    await ledger.initChain(genesis);
    const offer = (nonce: number, now: number) =>
      ledger.checkTx(sign(at(users, newcomer), real, { nonce }), { now, recheck: false });
    for (let nonce = 0; nonce < 200; nonce++) expect(await offer(nonce, 1000)).toMatchObject({ kind: 'rejected' });
    expect(asked).toBe(16);
    expect(await offer(200, 1000)).toMatchObject({ reason: expect.stringContaining('try again') });
    expect(await offer(201, 2000)).toMatchObject({ reason: expect.stringContaining('possession') });
    for (let nonce = 0; nonce < 200; nonce++) await offer(nonce, 2000);
    expect(asked).toBe(20);
  });

  it('is not asked for its consents unless its sender signed it', async () => {
    const seen: number[] = [];
    const counting: typeof verifySignatures = (items) => {
      seen.push(items.length);
      return verifySignatures(items);
    };
    const store = new MemoryStore();
    const ledger = await createLedger({}, { store, hash, verifySignatures: counting, votingSuite: suite });
    await ledger.initChain(genesis);
    const tx = sign(at(users, newcomer), real, { nonce: 0 });
    const forged = Uint8Array.from(tx);
    forged[tx.length - 1] = (tx[tx.length - 1] ?? 0) ^ 1;
    expect(await ledger.checkTx(forged, { now: 0, recheck: false })).toMatchObject({ kind: 'rejected' });
    expect(seen).toEqual([1]);
    for (let i = 0; i < 2; i++)
      expect(await ledger.checkTx(tx, { now: 0, recheck: false })).toMatchObject({ kind: 'admitted' });
    expect(seen).toEqual([1, 1, 1]); // the sender, the node key; then both are remembered
  });
});

describe('what the keys of a bond sign', () => {
  it('names its domain first, and is never a vote or a transaction', () => {
    const terms = { chainId, owner: at(addresses, newcomer), publicKey: voting.publicKey, peer: real.validator.peer };
    const statement = bondStatement(terms);
    expect(new TextDecoder().decode(statement.subarray(4, 18))).toBe('quorate/bond/1');
    expect(statement[0]).toBe(14);
    // Its form: a change here makes every offer void that was signed before.
    expect(toHex(hash(statement)).slice(0, 16)).toBe('854300e5641053f7');
    const block = '11'.repeat(32);
    const vote = signedBytes(chainId, { kind: 'notarize', epoch: 0, view: 1, block });
    const tx = sign(at(users, newcomer), real, { nonce: 0 });
    const { message } = signedItemOf(hash, tx, decodeTransaction(tx));
    for (const other of [vote, message]) expect(other.subarray(0, 18)).not.toEqual(statement.subarray(0, 18));
    // A signature of one is no signature of the other.
    const { publicKey } = voting;
    expect(suite.verify({ publicKey, message: vote, signature: real.consent.voting })).toBe(false);
    expect(suite.verify({ publicKey, message: statement, signature: voting.sign(vote) })).toBe(false);
  });

  it('differs with every term', () => {
    const terms = { chainId, owner: at(addresses, 0), publicKey: voting.publicKey, peer: real.validator.peer };
    const all = [
      terms,
      { ...terms, chainId: 'elsewhere' },
      { ...terms, owner: at(addresses, 1) },
      { ...terms, publicKey: keyOf(2001).publicKey },
      { ...terms, peer: own.validator.peer },
    ].map((each) => toHex(bondStatement(each)));
    expect(new Set(all).size).toBe(all.length);
  });
});

/** Both signatures over one bond; a test takes only the one whose key its thief holds. */
function consentWith(user: number, votingKey: SecretKey, nodeKey: SecretKey): BondConsent {
  return consentToBond({ chainId, owner: at(addresses, user) }, { voting: votingKey, node: nodeKey });
}
