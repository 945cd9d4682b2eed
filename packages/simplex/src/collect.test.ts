import type { Certificate } from '@quorate/kernel';
import { describe, expect, it } from 'vitest';
import { Script } from '../../../test/simplex/script.ts';
import { peerOf, sha256, sign, suite, voteBy } from '../../../test/simplex/world.ts';
import { onCertificateVerified, receiveCertificate } from './certificates.ts';
import { State } from './state.ts';

describe('S4: collecting votes', () => {
  it('checks nothing below weight q, then all at once; the certificate is written and broadcast once', () => {
    const s = new Script().start();
    const [a, b, c] = s.others;
    s.vote(a ?? 0, 'nullify', 2).vote(b ?? 0, 'nullify', 2);
    expect(s.everSaid('verify')).toBe(false);
    s.vote(c ?? 0, 'nullify', 2);
    expect(s.said(`verify vote of ${a}, vote of ${b}, vote of ${c}`)).toBe(true);
    expect(s.said('write Nullification(2)') && s.said('broadcast Nullification(2)')).toBe(true);
    s.receive('nullify', 2);
    expect(s.latest).toEqual([]);
  });

  it('counts weight, not heads: exactly ⌊2W/3⌋ is no quorum, one more is', () => {
    const s = new Script({ weights: [4, 2, 2, 1], self: 3, timing: { delta: 100 } }).start();
    s.vote(0, 'nullify', 5).vote(1, 'nullify', 5);
    expect(s.everSaid('verify')).toBe(false);
    s.vote(2, 'nullify', 5);
    expect(s.everSaid('write Nullification(5)')).toBe(true);
  });

  it('does not count the votes of different blocks together', () => {
    const s = new Script().start().block('A', 'G', 2).block('B', 'G', 2);
    const [a, b, c] = s.others;
    s.vote(a ?? 0, 'notarize', 2, 'A')
      .vote(b ?? 0, 'notarize', 2, 'A')
      .vote(c ?? 0, 'notarize', 2, 'B');
    expect(s.everSaid('verify')).toBe(false);
  });

  it('takes the authenticated sender for the signer, and nobody else', () => {
    const s = new Script().start();
    const [a, b] = s.others;
    s.message(a ?? 0, { kind: 'vote', vote: voteBy(b ?? 0, s.statement('nullify', 1)) });
    expect(s.said(`blame ${a}`)).toBe(true);
    expect(s.engine.status().dropped['impersonated vote']).toBe(1);
  });

  it('drops bad signatures, blocks their senders for that slot, and goes on with the rest', () => {
    const s = new Script({ weights: [1, 1, 1, 1, 1, 1, 1] }).start();
    const [a = 0, ...rest] = s.others;
    const statement = s.statement('nullify', 4);
    s.message(a, { kind: 'vote', vote: { statement, signer: a, signature: new Uint8Array(8) } });
    for (const other of rest.slice(0, 4)) s.vote(other, 'nullify', 4);
    expect(s.said(`blame ${a}`)).toBe(true);
    expect(s.everSaid('write Nullification(4)')).toBe(false);
    s.vote(a, 'nullify', 4);
    expect(s.engine.status().dropped['vote of a blocked sender']).toBe(1);
    s.vote(rest[4] ?? 0, 'nullify', 4);
    expect(s.said(`verify vote of ${rest[4]}`) && s.said('write Nullification(4)')).toBe(true);
  });

  it('a second different vote is evidence, never overwrites and is not counted', () => {
    const s = new Script().start().block('A', 'G', 2).block('B', 'G', 2);
    const [a, b, c] = s.others;
    s.vote(a ?? 0, 'notarize', 2, 'A').vote(a ?? 0, 'notarize', 2, 'B');
    expect(s.said(`evidence conflicting-notarize of ${a}`)).toBe(true);
    s.vote(b ?? 0, 'notarize', 2, 'B').vote(c ?? 0, 'notarize', 2, 'B');
    expect(s.everSaid('Notarization(2 B)')).toBe(false);
  });

  it('reports each of the three kinds of evidence, once', () => {
    const s = new Script().start().block('A', 'G', 2).block('B', 'G', 2);
    const [a] = s.others;
    s.vote(a ?? 0, 'finalize', 2, 'A').vote(a ?? 0, 'finalize', 2, 'B');
    expect(s.said(`evidence conflicting-finalize of ${a}`)).toBe(true);
    s.vote(a ?? 0, 'nullify', 2);
    expect(s.said(`evidence nullify-finalize of ${a}`)).toBe(true);
    s.vote(a ?? 0, 'finalize', 2, 'B').vote(a ?? 0, 'nullify', 2);
    expect(s.said('evidence')).toBe(false);
  });

  it('makes no evidence of a bad signature', () => {
    const s = new Script().start().block('A', 'G', 2).block('B', 'G', 2);
    const [a] = s.others;
    s.vote(a ?? 0, 'finalize', 2, 'A');
    const statement = s.statement('finalize', 2, 'B');
    s.message(a ?? 0, { kind: 'vote', vote: { statement, signer: a ?? 0, signature: sign(7, statement) } });
    expect(s.everSaid('evidence')).toBe(false);
    expect(s.said(`blame ${a}`)).toBe(true);
  });

  it('keeps votes only above the floor and within the window', () => {
    const s = new Script().start();
    const [a] = s.others;
    s.vote(a ?? 0, 'nullify', 65).vote(a ?? 0, 'nullify', 66);
    expect(s.engine.status().dropped).toEqual({ 'vote beyond the window': 1 });
    s.block('A', 'G', 1)
      .available('A')
      .receive('finalize', 1, 'A')
      .vote(a ?? 0, 'nullify', 1);
    expect(s.engine.status().dropped['vote at or below the floor']).toBe(1);
    expect(s.said(`send to ${a}: Finalization(1 A)`)).toBe(true);
  });

  it('drops messages of other epochs', () => {
    const s = new Script().start();
    s.message(s.others[0] ?? 0, {
      kind: 'vote',
      vote: voteBy(s.others[0] ?? 0, { kind: 'nullify', epoch: 1, view: 1 }),
    });
    expect(s.engine.status().dropped).toEqual({ 'message of another epoch': 1 });
  });
});

describe('S4: certificates from others', () => {
  it('are checked before they are kept; a bad one is blamed and a good one behind it still counts', () => {
    const s = new Script().start();
    const [a, b] = s.others;
    const bad = { ...s.certificate('nullify', 4), signature: new Uint8Array(24) };
    s.message(a ?? 0, { kind: 'certificate', certificate: bad });
    expect(s.said(`blame ${a}`)).toBe(true);
    expect(s.engine.status().view).toBe(1);
    s.receive('nullify', 4, '', b);
    expect(s.engine.status().view).toBe(5);
  });

  it('leave nothing behind once they are checked, good or bad', () => {
    const s = new Script();
    const state = new State(s.options, { hash: sha256, suite });
    const check = (certificate: Certificate, invalid: readonly number[]): void => {
      receiveCertificate(state, peerOf(0), certificate);
      for (const effect of state.effects.splice(0)) {
        const asked = effect.kind === 'verify' ? state.answered(effect.request, 'certificate') : null;
        if (asked !== null) onCertificateVerified(state, asked, invalid);
      }
    };
    check(s.certificate('nullify', 1), []);
    check(s.certificate('nullify', 2), [0]);
    expect(state.rounds.get(1)?.nullification).not.toBeNull();
    expect([state.unverified.size, state.unverifiedOf.size, state.requests.size]).toEqual([0, 0, 0]);
  });

  it('need a quorum of distinct signers inside the set', () => {
    const s = new Script().start();
    const light = s.certificate('nullify', 1, '', [0, 1]);
    const outside = { ...s.certificate('nullify', 1), signers: Uint8Array.of(0b1_0111) };
    for (const certificate of [light, outside]) {
      s.message(s.others[0] ?? 0, { kind: 'certificate', certificate });
      expect(s.said('blame')).toBe(true);
      expect(s.everSaid('verify')).toBe(false);
    }
  });

  it('of one view are both kept and served on request', () => {
    const s = new Script().start().block('A', 'G', 1).receive('nullify', 1).receive('notarize', 1, 'A');
    const asker = s.others[0] ?? 0;
    const wanted = [s.statement('notarize', 1, 'A'), s.statement('nullify', 1)];
    s.message(asker, { kind: 'want', certificates: wanted });
    expect(s.said(`send to ${asker}: Notarization(1 A)`) && s.said(`send to ${asker}: Nullification(1)`)).toBe(true);
  });

  it('are served to one peer within a limit per Δ', () => {
    const s = new Script().start().receive('nullify', 1);
    const asker = s.others[0] ?? 0;
    const wanted = [s.statement('nullify', 1)];
    for (let i = 0; i < 130; i++) s.message(asker, { kind: 'want', certificates: wanted });
    expect(s.said('send')).toBe(false);
    expect(s.engine.status().dropped['answers to one peer']).toBe(2);
    s.now += 100;
    s.message(asker, { kind: 'want', certificates: wanted });
    expect(s.said('send')).toBe(true);
  });
});
