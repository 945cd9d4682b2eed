import { type Statement, signedBytes, toHex } from '@quorate/kernel';
import { describe, expect, it } from 'vitest';
import { checkedSuite, genesis, secrets } from './chain.fixture.ts';
import { Contradictions, type Standing } from './contradictions.ts';
import { Membership } from './sets.ts';

const set = new Membership(genesis.validators.members);
const STANDING: Standing = { epoch: 0, view: 3, finalizedView: 1 };
const block = (byte: string, view = 3): Statement => ({ kind: 'notarize', epoch: 0, view, block: byte.repeat(32) });
const no: Statement = { kind: 'nullify', epoch: 0, view: 3 };
const final: Statement = { kind: 'finalize', epoch: 0, view: 3, block: 'aa'.repeat(32) };

interface Said {
  readonly statement: Statement;
  readonly at?: number;
  readonly life?: number;
  readonly standing?: Standing | null;
  readonly impersonated?: boolean;
  readonly forged?: boolean;
}

/** What n0 was handed before its eyes, after all these votes of one validator. */
function seenAfter(...said: readonly Said[]): number {
  const all = new Contradictions({ chainId: genesis.chainId, suite: checkedSuite, setOf: () => set });
  const secret = secrets[2];
  const signer = secret === undefined ? null : genesis.validators.indexOfKey(secret.publicKey);
  const member = signer === null ? undefined : set.members[signer];
  if (secret === undefined || signer === null || member === undefined) throw new Error('nobody');
  for (const { statement, at = 0, life = 1, standing = STANDING, impersonated = false, forged = false } of said) {
    const signature = forged ? new Uint8Array(16) : secret.sign(signedBytes(genesis.chainId, statement));
    const vote = { statement, signer, signature };
    all.hear({ to: 'n0', life, at, vote }, impersonated ? 'somebody' : member.peer, () => standing);
  }
  const seen = all.seenBy('n0');
  for (const { key } of seen) expect(key).toBe(toHex(secret.publicKey));
  return seen.length;
}

describe('contradictions before the eyes of a member', () => {
  it.each<[string, number, readonly Said[]]>([
    ['two blocks', 1, [{ statement: block('aa') }, { statement: block('bb'), at: 1 }]],
    ['nullify and finalize', 1, [{ statement: no }, { statement: final }]],
    ['one after the other', 2, [{ statement: no }, { statement: final }, { statement: no }]],
    ['the same twice', 0, [{ statement: no }, { statement: no }]],
    ['nullify and notarize, as is right', 0, [{ statement: no }, { statement: block('aa') }]],
    ['two views', 0, [{ statement: block('aa') }, { statement: block('bb', 4) }]],
    ['too long after one another', 0, [{ statement: no }, { statement: final, at: 9 }]],
    ['in two lives', 0, [{ statement: no }, { statement: final, life: 2 }]],
    ['from somebody else', 0, [{ statement: no }, { statement: final, impersonated: true }]],
    ['with a bad signature', 0, [{ statement: no }, { statement: final, forged: true }]],
    ['while it starts', 0, [{ statement: no }, { statement: final, standing: null }]],
    ['in another epoch', 0, [{ statement: no }, { statement: final, standing: { ...STANDING, epoch: 1 } }]],
    [
      'of a view that is over',
      0,
      [{ statement: no }, { statement: final, standing: { ...STANDING, finalizedView: 3 } }],
    ],
    ['too far ahead', 0, [{ statement: block('aa', 68) }, { statement: block('bb', 68) }]],
  ])('%s: %i', (_name, count, said) => {
    expect(seenAfter(...said)).toBe(count);
  });

  it('not when something else came in between', () => {
    const all = new Contradictions({ chainId: genesis.chainId, suite: checkedSuite, setOf: () => set });
    const [secret] = secrets;
    const signer = secret === undefined ? null : genesis.validators.indexOfKey(secret.publicKey);
    const peer = signer === null ? undefined : set.members[signer]?.peer;
    if (secret === undefined || signer === null || peer === undefined) throw new Error('nobody');
    for (const statement of [no, final]) {
      const vote = { statement, signer, signature: secret.sign(signedBytes(genesis.chainId, statement)) };
      all.hear({ to: 'n0', life: 1, at: 0, vote }, peer, () => STANDING);
      all.interrupted('n0');
    }
    expect(all.seenBy('n0')).toEqual([]);
  });
});
