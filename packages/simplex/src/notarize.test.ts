import { describe, expect, it } from 'vitest';
import { Script } from '../../../test/simplex/script.ts';
import { digestOfText, peerOf, sha256, suite, voteBy } from '../../../test/simplex/world.ts';
import { considerProposal } from './notarize.ts';
import { State } from './state.ts';

describe('S3: notarizing', () => {
  it('cancels tLeader, judges once the body is durable, persists, then votes', () => {
    const s = new Script().start().block('B', 'G', 1).propose('B', { body: false });
    expect(s.said('cancel 1/leader') && s.said(`fetch B from ${s.leader(1)}`)).toBe(true);
    expect(s.said('judge')).toBe(false);
    s.available('B');
    expect(s.said('judge B on G') && !s.said('sign')).toBe(true);
    s.judge('valid');
    expect(s.latest.map((line) => line.trim()).slice(0, 3)).toEqual([
      'write proposal 1 B',
      'write voted notarize 1 B',
      'sign notarize 1 B',
    ]);
    expect(s.said(`broadcast vote notarize 1 B of ${s.self}`)).toBe(true);
  });

  it('takes a body that came before its proposal', () => {
    const s = new Script().start().block('B', 'G', 1).available('B').propose('B', { body: false });
    expect(s.said('judge B on G')).toBe(true);
  });

  it('does not vote after its own Nullify', () => {
    const s = new Script().start().ring('1/leader').block('B', 'G', 1).propose('B');
    expect(s.everSaid('judge')).toBe(false);
    const late = new Script().start().block('B', 'G', 1).propose('B').ring('1/advance').judge('valid');
    expect(late.everSaid('sign notarize')).toBe(false);
  });

  it('votes once: the second proposal of a leader is evidence', () => {
    const s = new Script().start().block('A', 'G', 1).block('B', 'G', 1).propose('A').judge('valid').propose('B');
    expect(s.everSaid(`evidence conflicting-notarize of ${s.leader(1)}`)).toBe(true);
    expect(s.everSaid('sign notarize 1 B')).toBe(false);
  });

  it('refuses a proposal of another than the leader, and one that the leader did not sign', () => {
    const s = new Script().start().block('B', 'G', 1);
    const other = s.others.find((index) => index !== s.leader(1)) ?? 0;
    s.propose('B', { from: other });
    expect(s.everSaid(`blame ${other}`)).toBe(true);
    const { header } = s.get('B');
    const { signature } = voteBy(other, s.statement('notarize', 1, 'B'));
    s.message(s.leader(1), { kind: 'proposal', header, signature, justification: [] });
    expect(s.said(`blame ${s.leader(1)}: signed its proposal`)).toBe(true);
    expect(s.everSaid('judge')).toBe(false);
    expect(s.engine.status().dropped['proposal of another than the leader']).toBe(1);
  });

  it('S6: a proposal that the application refuses nullifies the view', () => {
    const s = new Script().start().block('B', 'G', 1).propose('B').judge('invalid');
    expect(s.said('sign nullify 1')).toBe(true);
  });

  it('leaves a proposal of a later view alone until that view is entered', () => {
    const s = new Script().block('B', 'G', 3);
    const state = new State(s.options, { hash: sha256, suite });
    for (const view of [1, 2]) state.round(view).keep(s.certificate('nullify', view));
    state.round(3).proposal = { block: s.get('B'), justification: [] };
    state.now = s.now;
    for (state.view = 1; state.view < 3; state.view++) {
      considerProposal(state, state.round(3));
      expect(state.effects).toEqual([]);
    }
    considerProposal(state, state.round(3));
    expect(state.effects).toMatchObject([{ kind: 'fetch' }]);
  });

  it('ignores proposals beyond the window', () => {
    const s = new Script().start();
    const nullifications = Array.from({ length: 65 }, (_, i) => s.certificate('nullify', i + 1));
    s.block('B', 'G', 66, {}, nullifications).propose('B', { body: false });
    expect(s.engine.status().dropped['proposal beyond the window']).toBe(1);
  });
});

describe('a second proposal after a restart', () => {
  it('S5: shows that the leader equivocates, and is not judged itself', () => {
    const s = new Script().start().block('A', 'G', 1).propose('A').judge('valid').restart();
    s.block('B', 'G', 1, { height: 7 }).propose('B').receive('notarize', 1, 'A');
    expect(s.everSaid('sign finalize 1') || s.everSaid('sign nullify 1')).toBe(false);
  });

  it('binds nothing when it is the first again', () => {
    const s = new Script().start().block('A', 'G', 1).propose('A').judge('valid').restart();
    expect(s.propose('A').receive('notarize', 1, 'A').everSaid('sign finalize 1 A')).toBe(true);
  });
});

describe('the header', () => {
  const rejected = (fields: object): boolean => {
    const s = new Script().start().block('B', 'G', 1, fields).propose('B');
    return s.everSaid('sign nullify 1') && !s.everSaid('judge');
  };

  it('must have the height after its parent', () => expect(rejected({ height: 2 })).toBe(true));
  it('must have a time after its parent', () => expect(rejected({ time: 1000 })).toBe(true));
  it('must name the set of its epoch', () => expect(rejected({ validatorsRoot: digestOfText('other') })).toBe(true));
  it('S11: names a next set at the last height only', () =>
    expect(rejected({ nextValidatorsRoot: digestOfText('next') })).toBe(true));
  it('is judged when all of that holds', () => expect(rejected({})).toBe(false));

  it('is postponed, not refused, when its time is more than 500 ms ahead', () => {
    const s = new Script().start();
    s.block('B', 'G', 1, { time: s.now + 550 }).propose('B');
    expect(s.everSaid('judge') || s.everSaid('sign nullify')).toBe(false);
    s.ring('1/time');
    expect(s.said('judge B on G')).toBe(true);
    const close = new Script().start();
    close.block('B', 'G', 1, { time: close.now + 500 }).propose('B');
    expect(close.everSaid('judge B on G')).toBe(true);
  });
});

describe('the execution rule, as a voter', () => {
  const second = (final: boolean, empty: boolean): Script => {
    const s = new Script({ speculative: false }).start().block('A', 'G', 1).available('A');
    const parent = s.certificate(final ? 'finalize' : 'notarize', 1, 'A');
    return s.block('B', 'A', 2, empty ? s.emptyOn('A') : {}, [parent]).propose('B');
  };

  it('refuses a full block whose parent is only notarized', () => {
    expect(second(false, false).everSaid('sign nullify 2')).toBe(true);
  });

  it('judges a full block whose parent is final', () => {
    expect(second(true, false).everSaid('judge B on A')).toBe(true);
  });

  it('takes an empty block that copies its parent without asking the application', () => {
    const s = second(false, true);
    expect(s.everSaid('judge')).toBe(false);
    expect(s.everSaid('sign notarize 2 B')).toBe(true);
  });

  it('has an empty block judged that says something: another protocol version, or the next set', () => {
    const upgrade = new Script({ speculative: false }).start().block('A', 'G', 1).available('A');
    upgrade.block('B', 'A', 2, { ...upgrade.emptyOn('A'), protocolVersion: 2 }).propose('B');
    expect(upgrade.said('judge B on A') && !upgrade.everSaid('sign notarize 2')).toBe(true);
    upgrade.judge('invalid');
    expect(upgrade.said('sign nullify 2')).toBe(true);
    const last = new Script({ speculative: false, lastHeight: 2 }).start().block('A', 'G', 1).available('A');
    last.block('B', 'A', 2, { ...last.emptyOn('A'), nextValidatorsRoot: digestOfText('next set') }).propose('B');
    expect(last.said('judge B on A') && !last.everSaid('sign notarize 2')).toBe(true);
  });

  it('refuses an empty block with another state', () => {
    const s = new Script({ speculative: false }).start().block('A', 'G', 1).available('A');
    s.block('B', 'A', 2, { ...s.emptyOn('A'), stateRoot: digestOfText('stolen') }).propose('B');
    expect(s.everSaid('sign nullify 2')).toBe(true);
  });
});

describe('a justification', () => {
  it('counts as received certificates and takes a laggard along', () => {
    const s = new Script().start().block('B', 'G', 3).propose('B');
    expect(s.engine.status().view).toBe(3);
    expect(s.everSaid('write Nullification(1)') && s.everSaid('write Nullification(2)')).toBe(true);
    expect(s.everSaid('judge B on G')).toBe(true);
  });

  it('with a missing Nullification makes the proposal invalid for ever', () => {
    for (const held of [1, 2]) {
      const s = new Script().start().receive('nullify', 1).receive('nullify', 2);
      s.block('B', 'G', 3, {}, [s.certificate('nullify', held)]).propose('B');
      expect(s.everSaid('sign nullify 3') && s.everSaid(`blame ${s.leader(3)}`)).toBe(true);
      expect(s.everSaid('judge')).toBe(false);
    }
  });

  it('that is wrong in view after view leaves the view to its timer, which backs off', () => {
    const s = new Script().start();
    for (let view = 1; view < 7; view++) s.receive('nullify', view);
    s.block('B', 'G', 7, {}, [s.certificate('nullify', 1)]).propose('B');
    expect(s.everSaid(`blame ${s.leader(7)}`) && !s.everSaid('sign nullify 7')).toBe(true);
    s.ring('7/advance');
    expect(s.said('sign nullify 7')).toBe(true);
  });

  it('with Nullifications out of view order makes it invalid', () => {
    const s = new Script().start().receive('nullify', 1).receive('nullify', 2);
    s.block('B', 'G', 3, {}, [s.certificate('nullify', 2), s.certificate('nullify', 1)]).propose('B');
    expect(s.everSaid('sign nullify 3')).toBe(true);
  });

  it('with a certificate that does not verify makes it invalid, and none of its own is kept', () => {
    const s = new Script().start();
    const forged = { ...s.certificate('nullify', 1), signature: new Uint8Array(24) };
    s.block('B', 'G', 2, {}, [forged]).propose('B');
    expect(s.everSaid('write Nullification(1)')).toBe(false);
    s.receive('nullify', 1);
    expect(s.said('sign nullify 2')).toBe(true);
  });

  it('with too little weight makes it invalid', () => {
    const s = new Script().start();
    s.block('B', 'G', 2, {}, [s.certificate('nullify', 1, '', [0, 1])]).propose('B');
    expect(s.everSaid('verify', 'Nullification(1)')).toBe(false);
    s.receive('nullify', 1);
    expect(s.said('sign nullify 2')).toBe(true);
  });

  it('that is not the one of the header is dropped and the slot stays free', () => {
    const s = new Script().start().receive('nullify', 1).block('B', 'G', 2);
    const { header } = s.get('B');
    const { signature } = voteBy(s.leader(2), s.statement('notarize', 2, 'B'));
    s.message(s.leader(2), {
      kind: 'proposal',
      header,
      signature,
      justification: [s.certificate('nullify', 1, '', [1, 2, 3])],
    });
    expect(s.said(`blame ${s.leader(2)}`)).toBe(true);
    s.propose('B');
    expect(s.everSaid('judge B on G')).toBe(true);
  });

  it('that is being fetched is asked for again when its proposal is', () => {
    const s = new Script().start().receive('nullify', 1).receive('nullify', 2).block('B', 'G', 3);
    const { header, ref } = s.get('B');
    const leader = s.leader(3);
    const { signature } = voteBy(leader, s.statement('notarize', 3, 'B'));
    const proposal = { kind: 'proposal' as const, header, signature, justification: [] };
    s.message(leader, proposal);
    expect(s.said(`send to ${leader}: wantJustification 3 B from 0`)).toBe(true);
    const part = { kind: 'justification' as const, epoch: 0, view: 3, block: ref.digest, from: 0 };
    s.message(leader, { ...part, certificates: [s.certificate('nullify', 1)] });
    s.message(leader, proposal);
    expect(s.said(`send to ${leader}: wantJustification 3 B from 1`)).toBe(true);
    s.message(leader, { ...part, from: 1, certificates: [s.certificate('nullify', 2)] }).message(leader, proposal);
    expect(s.said('wantJustification')).toBe(false);
  });

  it('too large to travel is asked for by digest, part by part', () => {
    const leader = new Script({ leads: 3, maxJustificationBytes: 60 })
      .start()
      .receive('nullify', 1)
      .receive('nullify', 2);
    leader.built('B').available('B');
    expect(leader.said('broadcast proposal 3 B []')).toBe(true);
    const voter = new Script().start().block('B', 'G', 3);
    const { header, ref } = voter.get('B');
    const { signature } = voteBy(voter.leader(3), voter.statement('notarize', 3, 'B'));
    voter.message(voter.leader(3), { kind: 'proposal', header, signature, justification: [] });
    expect(voter.said(`send to ${voter.leader(3)}: wantJustification 3 B from 0`)).toBe(true);
    leader.message(voter.self, {
      kind: 'wantJustification',
      epoch: 0,
      view: 3,
      block: leader.get('B').ref.digest,
      from: 0,
    });
    expect(leader.said(`send to ${voter.self}: justification 3 B 0+1`)).toBe(true);
    const part = (from: number) =>
      voter.message(voter.leader(3), {
        kind: 'justification',
        epoch: 0,
        view: 3,
        block: ref.digest,
        from,
        certificates: [voter.certificate('nullify', from + 1)],
      });
    part(0);
    expect(voter.said('wantJustification 3 B from 1')).toBe(true);
    part(1).available('B');
    expect(voter.said('judge B on G')).toBe(true);
  });
});

describe('the parent', () => {
  it('must be accepted: a Notarization that the application has not certified is not enough', () => {
    const s = new Script({ certify: true }).start().block('A', 'G', 1).available('A').receive('nullify', 1);
    s.block('B', 'A', 2).propose('B');
    expect(s.everSaid('certify A') && !s.everSaid('judge') && !s.everSaid('sign')).toBe(true);
    s.certify(true);
    expect(s.said('judge B on A')).toBe(true);
    const refused = new Script({ certify: true }).start().block('A', 'G', 1).available('A').receive('nullify', 1);
    refused.block('B', 'A', 2).propose('B').certify(false);
    expect(refused.everSaid('judge')).toBe(false);
  });

  it('needs every view between nullified as the voter itself holds it, whatever was justified once', () => {
    // Only more than f can finalize view 5 as well. What lies far below a Finalization is forgotten, and no longer counts.
    const s = new Script({ window: 2 }).start();
    for (let view = 1; view <= 5; view++) s.receive('nullify', view);
    s.block('B', 'G', 6).propose('B', { body: false });
    s.block('Y', 'G', 5).receive('finalize', 5, 'Y').available('B');
    expect(s.everSaid('fetch B')).toBe(true);
    expect(s.everSaid('judge') || s.everSaid('sign')).toBe(false);
  });

  it('must be rooted here: missing ancestors are fetched from the signers of its certificate', () => {
    const s = new Script().start().block('A', 'G', 1).block('B', 'A', 2).propose('B');
    expect(s.everSaid('fetch A')).toBe(true);
    expect(s.everSaid('judge')).toBe(false);
    s.available('A');
    expect(s.said('judge B on A')).toBe(true);
  });

  it('below the floor is refused', () => {
    const s = new Script().start().block('A', 'G', 1).available('A').receive('finalize', 1, 'A');
    s.block('X', 'G', 2).propose('X');
    expect(s.everSaid('sign nullify 2')).toBe(true);
    expect(peerOf(0)).toHaveLength(64);
  });
});
