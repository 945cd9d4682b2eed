import {
  certificateFault,
  certify,
  decode,
  evidenceFault,
  type Genesis,
  type Header,
  headerDigest,
  type Statement,
  signedBytes,
  toHex,
  ValidatorSet,
  type Vote,
} from '@quorate/kernel';
import { gossipCodec } from '@quorate/replica';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../hash.ts';
import { simulatedSuite } from '../suite.ts';
import type { Means } from './disguise.ts';
import { framing } from './frames.ts';
import { Lots } from './lots.ts';
import { underweight } from './proofs.ts';
import { type Outgoing, read, syncOf, votesOf } from './wire.ts';

const chainId = 'lies-test';
const suite = simulatedSuite();
const digest = (index: number): string => index.toString(16).padStart(64, '0');
const keys = [1, 2, 3, 4].map((index) => suite.secretFromSeed(new Uint8Array(32).fill(index)));
const validators = new ValidatorSet(
  keys.map((key, index) => ({
    publicKey: key.publicKey,
    weight: 1,
    proof: key.prove(),
    peer: digest(index),
    address: '',
  })),
);
const context = { chainId, suite, validators };
const [liar] = keys;
if (liar === undefined) throw new Error('no key');

function signedBy(signer: number, statement: Statement): Vote {
  const { publicKey } = validators.members[signer] ?? { publicKey: new Uint8Array() };
  const key = keys.find((one) => toHex(one.publicKey) === toHex(publicKey));
  return { statement, signer, signature: key?.sign(signedBytes(chainId, statement)) ?? new Uint8Array() };
}

const lots = new Lots(1, 'byzantine/test');
const means: Means = {
  genesis: { chainId, validators } as Genesis,
  suite,
  peers: [0, 1, 2, 3].map(digest),
  members: () => validators.members,
  accomplices: () => [liar],
  abroad: (publicKey, statement) =>
    keys.find((one) => toHex(one.publicKey) === toHex(publicKey))?.sign(signedBytes('elsewhere', statement)) ?? null,
  self: digest(0),
  secret: liar,
  stream: lots,
  clock: { now: () => 0, after: () => () => {} },
  vote: (statement, signer) => ({ statement, signer, signature: liar.sign(signedBytes(chainId, statement)) }),
};

const own = (view: number): Outgoing => {
  return votesOf(digest(1), 0, { kind: 'vote', vote: signedBy(0, { kind: 'nullify', epoch: 0, view }) });
};
const certified = (view: number): Outgoing => {
  const statement: Statement = { kind: 'notarize', epoch: 0, view, block: digest(view) };
  const votes = [0, 1, 2, 3].map((signer) => signedBy(signer, statement));
  return votesOf(digest(1), 0, { kind: 'certificate', certificate: certify({ suite, validators }, votes) });
};

describe('evidence against who did nothing wrong', () => {
  it('names honest validators, each time in vain, and fails for many reasons', () => {
    const behave = framing(means);
    const reasons = new Map<string, number>();
    for (let view = 1; view < 3000; view++) {
      for (const outgoing of [certified(view), own(view)]) {
        lots.about(`${view}`);
        for (const { traffic, bytes } of behave(outgoing, read(outgoing.traffic, outgoing.bytes))) {
          if (traffic !== 'transactions') continue;
          const message = decode(gossipCodec, bytes);
          for (const piece of message.kind === 'evidence' ? message.evidence : []) {
            const named = validators.members[piece.first.signer];
            expect(named?.publicKey).not.toEqual(liar.publicKey);
            const reason = evidenceFault(context, piece) ?? 'none';
            reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
          }
        }
      }
    }
    expect(reasons.has('none')).toBe(false);
    expect([...reasons.keys()].sort()).toEqual([
      'its votes do not conflict as claimed',
      'the signature of its finalize vote does not verify',
      'the signature of its notarize vote does not verify',
      'the signature of its nullify vote does not verify',
    ]);
  });
});

describe('certificates that are too light', () => {
  const header = (height: number, parentDigest: string): Header => ({
    epoch: 0,
    view: height,
    height,
    parentView: height - 1,
    parentDigest,
    time: 1000 * height,
    txRoot: digest(0),
    evidenceRoot: digest(0),
    executedHeight: height - 1,
    stateRoot: digest(0),
    receiptsRoot: digest(0),
    validatorsRoot: digest(0),
    nextValidatorsRoot: null,
    justificationDigest: digest(0),
    protocolVersion: 1,
  });

  it('come with ranges that link, of true blocks and of others', () => {
    const body = { transactions: [], evidence: [] };
    const blocks: { header: Header; body: typeof body }[] = [];
    for (let height = 1, parent = digest(0); height <= 4; height++) {
      const next = header(height, parent);
      blocks.push({ header: next, body });
      parent = headerDigest(sha256, chainId, next);
    }
    const behave = underweight(means);
    const names = new Set<string>();
    for (let request = 0; request < 100; request++) {
      const outgoing = syncOf(digest(1), { kind: 'range', request, blocks, certificate: null, kept: 1 });
      lots.about('range');
      const spoken = read('sync', behave(outgoing, read('sync', outgoing.bytes))[0]?.bytes ?? new Uint8Array());
      if (spoken?.traffic !== 'sync' || spoken.message.kind !== 'range') throw new Error('no range');
      const { certificate, blocks: served } = spoken.message;
      if (certificate === null) continue;
      expect(certificateFault(context, certificate)).toBe('its signers weigh 1, the quorum is 3');
      let parent = digest(0);
      for (const one of served) {
        expect(one.header.parentDigest).toBe(parent);
        parent = headerDigest(sha256, chainId, one.header);
      }
      expect(certificate.statement).toMatchObject({ kind: 'finalize', block: parent });
      names.add(parent);
    }
    expect(names.size).toBeGreaterThan(4);
  });
});
