import { sha256 } from '@quorate/crypto';
import {
  decode,
  type ErrorCode,
  encode,
  equalBytes,
  type Header,
  isQuorateError,
  MAX_UNFINAL_HEADERS,
  type SignatureSuite,
} from '@quorate/kernel';
import { simulatedSuite } from '@quorate/sim';
import { describe, expect, it } from 'vitest';
import { Chain, type ChainOptions, votersOf } from '../../../test/fixtures/chain.ts';
import { type EpochClaim, finalityClaimCodec } from './claims.ts';
import { LightClient, MAX_CLOCK_DRIFT } from './light-client.ts';
import { trustFromJson, trustToJson } from './trust.ts';

const DAY = 86_400_000;

/** Five voters in epoch 0; each epoch the first leaves and another joins. */
function sliding(changes: Partial<ChainOptions> = {}): Chain {
  const suite = changes.suite ?? simulatedSuite();
  return new Chain({
    suite,
    hash: sha256,
    epochLength: 5,
    voters: (epoch) => votersOf(suite, epoch, epoch + 5),
    ...changes,
  });
}

function clientOf(chain: Chain, trustingPeriod = DAY): LightClient {
  return LightClient.fromGenesis({ genesis: chain.genesis, trustingPeriod }, { suite: chain.suite, hash: sha256 });
}

function codeOf(action: () => unknown): { code: ErrorCode; message: string } | null {
  try {
    action();
    return null;
  } catch (error) {
    if (isQuorateError(error)) return { code: error.code, message: error.message };
    throw error;
  }
}

function refusal(action: () => unknown, code: ErrorCode, reason: RegExp): void {
  const outcome = codeOf(action);
  expect(outcome?.code).toBe(code);
  expect(outcome?.message).toMatch(reason);
}

const now = 1_100_000;

describe('finality', () => {
  it('accepts what a quorum finalized, directly or through a descendant, and moves forward', () => {
    const chain = sliding().grow(5);
    const client = clientOf(chain);
    expect(client.verifyFinality(chain.claim(1), now).digest).toBe(chain.digest(chain.header(1)));
    expect(client.verifyFinality(chain.claim(3, 2), now).header.height).toBe(3);
    expect(client.trust).toMatchObject({ epoch: 0, height: 3, time: chain.header(3).time });
    client.verifyFinality(chain.claim(2), now);
    expect(client.trust.height).toBe(3);
  });

  it('accepts exactly a quorum of the weight', () => {
    const suite = simulatedSuite();
    const voters = votersOf(suite, 0, 4).map((voter, i) => ({ ...voter, weight: [10, 20, 30, 40][i] ?? 0 }));
    const chain = sliding({ suite, voters: () => voters }).grow(1);
    const weights = chain.set(0).members.map(({ weight }) => weight);
    const without = (missing: number): number[] => weights.flatMap((weight, i) => (weight === missing ? [] : [i]));
    const header = [chain.header(1)];
    expect(chain.set(0).quorum).toBe(67);
    for (const missing of [10, 20, 30]) {
      expect(codeOf(() => clientOf(chain).verifyFinality(chain.claimOf(header, without(missing)), now))).toBeNull();
    }
    refusal(
      () => clientOf(chain).verifyFinality(chain.claimOf(header, without(40)), now),
      'proof/invalid',
      /quorum is 67/,
    );
  });

  it('refuses a certificate of another kind, block, view or epoch', () => {
    const chain = sliding().grow(10);
    const { headers, certificate } = chain.claim(3);
    const { view, block } = { view: 3, block: chain.digest(chain.header(3)) };
    const other = chain.digest(chain.header(4));
    for (const statement of [
      { kind: 'notarize', epoch: 0, view, block },
      { kind: 'nullify', epoch: 0, view },
      { kind: 'finalize', epoch: 0, view, block: other },
      { kind: 'finalize', epoch: 0, view: 4, block },
    ] as const) {
      const claim = { headers, certificate: chain.certify(statement) };
      refusal(() => clientOf(chain).verifyFinality(claim, now), 'proof/invalid', /does not finalize/);
    }
    refusal(() => clientOf(chain).verifyFinality({ headers: [], certificate }, now), 'proof/invalid', /has no header/);
    refusal(() => clientOf(chain).verifyFinality(chain.claim(6), now), 'light/untrusted', /hop there first/);
  });

  it('refuses headers that are no chain, are of another set, or of another chain id', () => {
    const chain = sliding().grow(5);
    const [second, third] = [chain.header(2), chain.header(3)];
    const breaks: Partial<Header>[] = [
      { parentDigest: chain.digest(chain.header(1)) },
      { parentView: 1 },
      { height: 4 },
      { view: 2 },
    ];
    for (const change of breaks) {
      const claim = chain.claimOf([second, { ...third, ...change }]);
      refusal(() => clientOf(chain).verifyFinality(claim, now), 'proof/invalid', /is not the child/);
    }
    const foreign = chain.claimOf([{ ...second, validatorsRoot: chain.set(1).root(sha256) }]);
    refusal(() => clientOf(chain).verifyFinality(foreign, now), 'proof/invalid', /is not of the trusted set/);
    const elsewhere = sliding({ suite: chain.suite, chainId: 'other-chain' }).grow(5);
    refusal(() => clientOf(chain).verifyFinality(elsewhere.claim(1), now), 'proof/invalid', /does not finalize/);
  });

  it('refuses more headers than any engine leaves unfinalized', () => {
    const chain = sliding({ epochLength: 10_000 }).grow(MAX_UNFINAL_HEADERS + 2);
    const later = chain.header(MAX_UNFINAL_HEADERS + 2).time;
    const longest = chain.claim(1, MAX_UNFINAL_HEADERS);
    expect(codeOf(() => clientOf(chain).verifyFinality(longest, later))).toBeNull();
    expect(decode(finalityClaimCodec, encode(finalityClaimCodec, longest)).headers).toHaveLength(
      MAX_UNFINAL_HEADERS + 1,
    );
    const longer = chain.claim(1, MAX_UNFINAL_HEADERS + 1);
    refusal(() => clientOf(chain).verifyFinality(longer, later), 'proof/invalid', /at most 8193/);
    expect(() => encode(finalityClaimCodec, longer)).toThrow();
  });

  it('never accepts a header above the last height of its epoch, but lets it finalize the last block (S11)', () => {
    const chain = sliding().grow(5);
    const last = chain.header(5);
    const filler = chain.child(last, {}, true);
    const next = chain.child(filler, {}, true);
    expect([filler.epoch, filler.height, next.height]).toEqual([0, 6, 7]);
    expect(clientOf(chain).verifyFinality(chain.claimOf([last, filler, next]), now).header.height).toBe(5);
    for (const claim of [chain.claimOf([filler]), chain.claimOf([filler, next]), chain.claimOf([next])]) {
      refusal(() => clientOf(chain).verifyFinality(claim, now), 'proof/invalid', /no height of the chain/);
    }
  });

  it('refuses height 0: genesis is trusted, not proven', () => {
    const chain = sliding().grow(1);
    const zero = { ...chain.header(1), height: 0 };
    refusal(() => clientOf(chain).verifyFinality(chain.claimOf([zero]), now), 'proof/invalid', /genesis/);
  });

  it('names a conflict with the trusted header, at its height or right above it', () => {
    const chain = sliding().grow(5);
    const client = clientOf(chain);
    client.verifyFinality(chain.claim(3), now);
    const rival = chain.child(chain.header(2), { view: 4 });
    refusal(() => client.verifyFinality(chain.claimOf([rival]), now), 'light/conflict', /height 3/);
    const above = chain.child(rival);
    refusal(() => client.verifyFinality(chain.claimOf([above]), now), 'light/conflict', /height 4/);
    expect(client.trust).toMatchObject({ height: 3, digest: chain.digest(chain.header(3)) });
    const orphan = chain.child(null, { parentDigest: '11'.repeat(32) });
    refusal(() => clientOf(chain).verifyFinality(chain.claimOf([orphan]), now), 'light/conflict', /height 1/);
  });
});

describe('age of the trust', () => {
  it('refuses to build on trust older than the trusting period, unless told to', () => {
    const chain = sliding().grow(10);
    const late = chain.genesis.time + 1000 + 1;
    const client = clientOf(chain, 1000);
    refusal(() => client.verifyFinality(chain.claim(1), late), 'light/expired', /trusting period/);
    refusal(() => client.hop(chain.epochClaim(0), late), 'light/expired', /trusting period/);
    expect(client.trust.height).toBe(0);
    expect(codeOf(() => client.verifyFinality(chain.claim(1), late - 1))).toBeNull();
    expect(codeOf(() => clientOf(chain, 1000).hop(chain.epochClaim(0), late, { allowExpired: true }))).toBeNull();
  });

  it('counts the age from the newest verified header', () => {
    const chain = sliding().grow(4);
    const client = clientOf(chain, 1000);
    client.verifyFinality(chain.claim(4), chain.genesis.time + 900);
    expect(codeOf(() => client.verifyFinality(chain.claim(4), chain.header(4).time + 1000))).toBeNull();
    refusal(() => client.verifyFinality(chain.claim(4), chain.header(4).time + 1001), 'light/expired', /old/);
  });

  it('trusts nothing dated ahead of its clock: neither a header nor its own trust', () => {
    const chain = sliding();
    const future = chain.child(null, { time: now + MAX_CLOCK_DRIFT + 1 });
    const client = clientOf(chain);
    refusal(() => client.verifyFinality(chain.claimOf([future]), now), 'light/untrusted', /ahead of this clock/);
    expect(codeOf(() => client.verifyFinality(chain.claimOf([future]), now + 1))).toBeNull();
    refusal(() => client.verifyFinality(chain.claimOf([future]), now), 'light/expired', /ahead of this clock/);
  });
});

describe('epochs', () => {
  it('follows the set through epochs that replace every member', () => {
    const chain = sliding().grow(35);
    const client = clientOf(chain);
    for (let epoch = 0; epoch < 6; epoch++) {
      client.hop(chain.epochClaim(epoch), now);
      expect(client.trust).toMatchObject({ epoch: epoch + 1, height: 5 * (epoch + 1) });
    }
    expect(client.trust.validators.members.some(({ publicKey }) => chain.set(0).indexOfKey(publicKey) !== null)).toBe(
      false,
    );
    expect(client.verifyFinality(chain.claim(33, 2), now).header.height).toBe(33);
    refusal(() => client.verifyFinality(chain.claim(3), now), 'light/untrusted', /does not go back/);
  });

  it('refuses a hop to another set, from another height, from another epoch', () => {
    const chain = sliding().grow(15);
    const honest = chain.epochClaim(0);
    const hops: [EpochClaim, RegExp][] = [
      [{ ...honest, next: chain.set(2) }, /is not the one that block 5 names/],
      [{ ...honest, next: chain.set(0) }, /is not the one that block 5 names/],
      [{ ...honest, proof: chain.claim(4) }, /ends at height 5, the hop proves height 4/],
      [{ ...honest, epoch: 1 }, /the hop leaves epoch 1/],
      [{ ...honest, proof: chain.claimOf([{ ...chain.header(5), nextValidatorsRoot: null }]) }, /is not the one/],
    ];
    for (const [claim, reason] of hops) {
      const client = clientOf(chain);
      refusal(() => client.hop(claim, now), 'proof/invalid', reason);
      expect(client.trust.epoch).toBe(0);
    }
    refusal(() => clientOf(chain).hop({ ...chain.epochClaim(1), epoch: 0 }, now), 'light/untrusted', /hop there first/);
  });

  it('refuses sets whose members do not prove possession of their keys: hopped to, in genesis, in stored trust', () => {
    const suite = simulatedSuite();
    const newcomer = suite.secretFromSeed(new Uint8Array(32).fill(6)).publicKey; // joins in epoch 1
    const proving: SignatureSuite = { ...suite, verifyPossession: (key) => !equalBytes(key, newcomer) };
    const chain = sliding({ suite: proving }).grow(5);
    const client = clientOf(chain);
    refusal(() => client.hop(chain.epochClaim(0), now), 'proof/invalid', /possession/);
    expect(client.trust.epoch).toBe(0);
    const stored = { ...client.trust, epoch: 1, validators: chain.set(1) };
    const parameters = { chainId: chain.chainId, epochLength: 5, trustingPeriod: DAY };
    const parts = { suite: proving, hash: sha256 };
    refusal(() => new LightClient({ parameters, trust: stored }, parts), 'proof/invalid', /possession/);
  });
});

describe('checkpoint', () => {
  const chain = sliding().grow(15);
  const parameters = { chainId: chain.chainId, epochLength: 5, trustingPeriod: DAY };
  const parts = { suite: chain.suite, hash: sha256 };
  const honest = {
    parameters,
    checkpoint: { height: 7, digest: chain.digest(chain.header(7)) },
    header: chain.header(7),
    validators: chain.set(1),
  };

  it('starts from a digest, and goes on', () => {
    const client = LightClient.fromCheckpoint(honest, parts);
    expect(client.trust).toMatchObject({ epoch: 1, height: 7, time: chain.header(7).time });
    client.hop(chain.epochClaim(1), now);
    expect(client.verifyFinality(chain.claim(12), now).header.height).toBe(12);
  });

  it('refuses another header, another set, another height, a filler', () => {
    const offers: [Partial<typeof honest>, RegExp][] = [
      [{ header: chain.header(8) }, /has digest/],
      [{ header: { ...chain.header(7), time: 1 } }, /has digest/],
      [{ checkpoint: { ...honest.checkpoint, height: 8 } }, /offered for checkpoint 8/],
      [{ validators: chain.set(0) }, /is not its header's/],
      [{ parameters: { ...parameters, chainId: 'other-chain' } }, /has digest/],
    ];
    for (const [offer, reason] of offers) {
      refusal(() => LightClient.fromCheckpoint({ ...honest, ...offer }, parts), 'proof/invalid', reason);
    }
    const filler = chain.child(chain.header(5), {}, true);
    const checkpoint = { height: 6, digest: chain.digest(filler) };
    const offer = { ...honest, checkpoint, header: filler, validators: chain.set(0) };
    refusal(() => LightClient.fromCheckpoint(offer, parts), 'proof/invalid', /no height of the chain/);
  });

  it('is as old as its header', () => {
    const short = { ...honest, parameters: { ...parameters, trustingPeriod: 1000 } };
    const late = chain.header(7).time + 1001;
    refusal(
      () => LightClient.fromCheckpoint(short, parts).verifyFinality(chain.claim(8), late),
      'light/expired',
      /old/,
    );
  });
});

describe('stored trust', () => {
  it('survives a round trip', () => {
    const chain = sliding().grow(10);
    const client = clientOf(chain);
    client.hop(chain.epochClaim(0), now);
    const text = trustToJson(client.trust);
    const restored = trustFromJson(text);
    expect(trustToJson(restored)).toBe(text);
    const parameters = { chainId: chain.chainId, epochLength: 5, trustingPeriod: DAY };
    const again = new LightClient({ parameters, trust: restored }, { suite: chain.suite, hash: sha256 });
    expect(again.verifyFinality(chain.claim(7), now).header.height).toBe(7);
  });

  it('is refused when malformed, with the reason', () => {
    const good = JSON.parse(trustToJson(clientOf(sliding()).trust)) as Record<string, unknown>;
    const bad: [unknown, RegExp][] = [
      [null, /not an object/],
      [[], /version/],
      [7, /not an object/],
      [{ ...good, version: 2 }, /version 2/],
      [{ ...good, epoch: -1 }, /number out of range/],
      [{ ...good, height: 1.5 }, /number out of range/],
      [{ ...good, time: '5' }, /number out of range/],
      [{ ...good, digest: 'ab' }, /no digest/],
      [{ ...good, digest: 'AB'.repeat(32) }, /no digest/],
      [{ ...good, validators: 'zz' }, /no validators/],
      [{ ...good, validators: '00' }, /malformed validator set/],
      [{ ...good, validators: undefined }, /no validators/],
    ];
    for (const [value, reason] of bad) refusal(() => trustFromJson(JSON.stringify(value)), 'light/untrusted', reason);
    refusal(() => trustFromJson('{'), 'light/untrusted', /not JSON/);
    refusal(() => trustFromJson(''), 'light/untrusted', /not JSON/);
  });
});
