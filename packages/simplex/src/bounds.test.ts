import type { Certificate, Statement } from '@quorate/kernel';
import { describe, expect, it } from 'vitest';
import { Script } from '../../../test/simplex/script.ts';
import { peerOf, sha256, suite, voteBy } from '../../../test/simplex/world.ts';
import { keepCertificate, receiveCertificate } from './certificates.ts';
import { serveCertificates } from './serve.ts';
import { State } from './state.ts';

const stateOf = (s: Script): State => new State(s.options, { hash: sha256, suite });
const numbers = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const stranger = (index: number): string => `ff${index.toString(16).padStart(62, '0')}`;

describe('certificates that wait for their check', () => {
  const nullification = (s: Script, view: number): Certificate => s.certificate('nullify', view);

  it('are 192 of one validator and 16 of anybody else, each once', () => {
    for (const [peer, most] of [
      [peerOf(1), 192],
      [stranger(1), 16],
    ] as const) {
      const s = new Script();
      const state = stateOf(s);
      for (const view of numbers(1, most + 3)) receiveCertificate(state, peer, nullification(s, view));
      receiveCertificate(state, peer, nullification(s, 1)); // over the limit as well
      expect(state.unverified.size).toBe(most);
      expect(state.dropped.get('too many unchecked certificates of one peer')).toBe(4);
    }
    const s = new Script();
    const state = stateOf(s);
    for (const _ of [1, 2]) receiveCertificate(state, peerOf(1), nullification(s, 1));
    expect(Object.fromEntries(state.dropped)).toEqual({ 'repeated certificate': 1 });
  });

  it('are of 64 peers outside the set at most, and none of these keeps a validator out', () => {
    const s = new Script();
    const state = stateOf(s);
    for (const index of numbers(1, 70)) receiveCertificate(state, stranger(index), nullification(s, 1));
    expect(state.unverifiedOf.size).toBe(64 + s.validators.size);
    expect(state.dropped.get('too many peers with unchecked certificates')).toBe(70 - 64 - s.validators.size);
    receiveCertificate(state, peerOf(1), nullification(s, 1));
    expect(state.unverifiedOf.get(peerOf(1))).toBe(1);
  });
});

describe('S4: beyond the window', () => {
  it('only the highest Notarization that waits to be certified is kept', () => {
    const s = new Script({ certify: true, window: 4 }).start();
    for (const view of [5, 20, 30, 25]) s.block(`B${view}`, 'G', view).receive('notarize', view, `B${view}`);
    expect(s.engine.status().view).toBe(1);
    const held = s.engine
      .checkpoint()
      .flatMap((one) => (one.kind === 'certificate' ? [one.certificate.statement] : []));
    expect(held.map(({ view }) => view)).toEqual([5, 30]); // view 5 is within the window
    expect(s.engine.status().dropped['certificate beyond the window']).toBe(2);
  });
});

describe('Finalizations that wait for blocks', () => {
  it('are 64: the highest, which says where to go, and the lowest, which block sync meets first', () => {
    const s = new Script();
    const state = stateOf(s);
    for (const view of numbers(1, 70))
      keepCertificate(state, s.block(`B${view}`, 'G', view).certificate('finalize', view, `B${view}`));
    expect([...state.finalizations.keys()]).toEqual([...numbers(1, 63), 70]);
    expect(state.dropped.get('finalization while far behind')).toBe(6);
  });
});

describe('a justification that is fetched', () => {
  /** A voter that asks the leader of a far view, which skipped everything, for its justification. */
  function asked(
    view: number,
    given: (s: Script) => Certificate[],
  ): { s: Script; send: (part: readonly Certificate[]) => void } {
    const s = new Script().start().receive('nullify', view - 1);
    const certificates = given(s);
    s.block('B', 'G', view, {}, certificates);
    const { header, ref } = s.get('B');
    const leader = s.leader(view);
    const { signature } = voteBy(leader, s.statement('notarize', view, 'B'));
    s.message(leader, { kind: 'proposal', header, signature, justification: [] });
    expect(s.said('wantJustification')).toBe(true);
    const message = { kind: 'justification', epoch: 0, view, block: ref.digest, from: 0 } as const;
    return { s, send: (part) => s.message(leader, { ...message, certificates: part }) };
  }

  const refused = (s: Script): boolean => s.said('justification of the wrong length') && !s.said('verify');

  it('has no more certificates than views that it can be about, and parts that bring something', () => {
    const all = (s: Script): Certificate[] => numbers(1, 5).map((view) => s.certificate('nullify', view));
    const long = asked(5, all);
    long.send(all(long.s).concat(all(long.s)));
    expect(refused(long.s)).toBe(true);
    const empty = asked(5, all);
    empty.send([]);
    expect(refused(empty.s)).toBe(true);
    empty.send(all(empty.s));
    expect(empty.s.engine.status().dropped['justification not asked for']).toBe(1);
  });

  it('has no more than 16 MiB', () => {
    const signature = new Uint8Array(64_000);
    const heavy = (s: Script): Certificate[] =>
      numbers(1, 270).map((view) => ({ ...s.certificate('nullify', view), signature }));
    const { s, send } = asked(271, heavy);
    send(heavy(s));
    expect(refused(s)).toBe(true);
  });
});

describe('what is counted about others', () => {
  it('answers are counted of 1,024 peers; the oldest count goes first', () => {
    const s = new Script();
    const state = stateOf(s);
    state.round(1).keep(s.certificate('nullify', 1));
    const wanted: Statement[] = [s.statement('nullify', 1)];
    for (const index of numbers(1, 1100)) serveCertificates(state, stranger(index), wanted);
    expect(state.served.size).toBe(1024);
    expect([state.served.has(stranger(76)), state.served.has(stranger(77))]).toEqual([false, true]);
    expect(state.effects).toHaveLength(1100);
  });

  it('the last 16 refusals of the gate are remembered', () => {
    const s = new Script().start();
    for (const view of numbers(1, 20)) {
      s.step({ kind: 'refused', statement: s.statement('nullify', view), reason: 'no state' }, 'refused');
    }
    expect(s.engine.status().refusals.map(({ statement }) => statement.view)).toEqual(numbers(5, 20));
  });

  it('blocks are asked for up to 1,024 at one time', () => {
    const s = new Script();
    const state = stateOf(s);
    for (const view of numbers(1, 1030)) state.fetch({ epoch: 0, view, digest: stranger(view) }, []);
    expect([state.fetching.size, state.effects.length, state.dropped.get('too many fetches')]).toEqual([1024, 1024, 6]);
  });
});
