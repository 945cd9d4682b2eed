import { describe, expect, it } from 'vitest';
import { Script } from '../../../test/simplex/script.ts';

describe('S10: never', () => {
  it('Nullify after Finalize in one view', () => {
    // The gate is slow: the vote is not signed yet, but it was written down.
    const s = new Script({ certify: true });
    s.signs = false;
    s.start().block('B', 'G', 1).available('B').receive('notarize', 1, 'B').certify(true);
    expect(s.said('sign finalize 1 B')).toBe(true);
    s.step({ kind: 'timer', timer: '1/advance' }, 'timer 1/advance').vote(s.leader(1), 'nullify', 1);
    expect(s.everSaid('sign nullify 1')).toBe(false);
  });

  it('a vote at or below the floor, even one asked for before', () => {
    const s = new Script();
    s.signs = false;
    s.start().ring('1/leader').block('B', 'G', 1).available('B').receive('finalize', 1, 'B');
    s.step(s.signed(s.statement('nullify', 1)), 'signed nullify 1');
    expect(s.latest).toEqual([]);
  });

  it('a vote at or below the highest Finalization known, though its blocks are missing', () => {
    const s = new Script().start().block('A', 'G', 1).block('B', 'A', 2).receive('finalize', 2, 'B');
    s.propose('A').receive('notarize', 1, 'A');
    expect(s.everSaid('sign')).toBe(false);
  });

  it('a signature that nothing durable asked for', () => {
    const s = new Script().start();
    s.step(s.signed(s.statement('nullify', 1)), 'signed nullify 1');
    expect(s.latest).toEqual([]);
  });

  it('a second try at what the gate refused', () => {
    const s = new Script();
    s.signs = false;
    s.start().ring('1/leader');
    s.step({ kind: 'refused', statement: s.statement('nullify', 1), reason: 'no state' }, 'refused nullify 1');
    s.ring('1/retry').ring('1/retry');
    expect(s.lines.filter((line) => line.includes('sign nullify'))).toHaveLength(1);
    expect(s.engine.status().refusals).toEqual([{ statement: s.statement('nullify', 1), reason: 'no state' }]);
  });

  it('a vote of an observer', () => {
    const s = new Script({ self: null }).start().block('B', 'G', 1).propose('B').receive('notarize', 1, 'B');
    s.receive('nullify', 2).receive('finalize', 1, 'B');
    expect(s.everSaid('sign') || s.everSaid('judge')).toBe(false);
    expect(s.everSaid('finalized 1 B')).toBe(true);
  });
});

describe('a restart', () => {
  it('right after Nullify says the same again and does not notarize', () => {
    const s = new Script().start().ring('1/leader').restart();
    expect(s.said('sign nullify 1') && s.said('broadcast vote nullify 1')).toBe(true);
    s.block('B', 'G', 1).propose('B').receive('notarize', 1, 'B');
    expect(s.everSaid('sign notarize') || s.everSaid('sign finalize')).toBe(false);
  });

  it('right after Notarize does not notarize another block of the view', () => {
    const s = new Script().start().block('A', 'G', 1).propose('A').judge('valid').restart();
    expect(s.said('broadcast vote notarize 1 A')).toBe(true);
    s.block('B', 'G', 1).propose('B');
    expect(s.everSaid('sign notarize 1 B')).toBe(false);
  });

  it('right after Finalize does not nullify', () => {
    const s = new Script({ certify: true }).start().block('B', 'G', 1).available('B').receive('notarize', 1, 'B');
    s.certify(true).restart().ring('1/leader');
    expect(s.everSaid('sign nullify 1')).toBe(false);
  });

  it('goes on in the view to which its certificates lead', () => {
    const s = new Script()
      .start()
      .receive('nullify', 1)
      .receive('nullify', 2)
      .block('B', 'G', 3)
      .receive('notarize', 3, 'B');
    s.restart();
    expect(s.engine.status().view).toBe(4);
    expect(s.said('broadcast Notarization(3 B)')).toBe(true);
  });

  it('from a checkpoint restores the same as from the whole journal', () => {
    const s = new Script()
      .start()
      .ring('1/leader')
      .receive('nullify', 1)
      .block('B', 'G', 2)
      .propose('B')
      .judge('valid');
    s.receive('notarize', 2, 'B');
    const records = s.engine.checkpoint();
    s.restart();
    expect(s.engine.checkpoint()).toEqual(records);
    const again = [...s.latest];
    s.journal = records;
    s.restart();
    expect(s.latest).toEqual(again);
  });

  it('forgets no vote of the views that it had entered, however far back it begins', () => {
    const s = new Script({ certify: true, window: 2 }).start();
    for (const [parent, name, view] of [
      ['G', 'A', 1],
      ['A', 'B', 2],
      ['B', 'C', 3],
      ['C', 'D', 4],
    ] as const) {
      s.block(name, parent, view).available(name).receive('notarize', view, name).certify(true);
    }
    s.ring('5/leader').block('E', 'D', 5).receive('notarize', 5, 'E').restart();
    expect(s.engine.status().view).toBe(1); // the application certifies again from there
    s.block('X', 'G', 20).receive('notarize', 20, 'X');
    expect(s.engine.checkpoint()).toContainEqual({ kind: 'voted', statement: s.statement('nullify', 5) });
    expect(s.engine.checkpoint()).toContainEqual({ kind: 'voted', statement: s.statement('finalize', 4, 'D') });
  });

  it('keeps every certificate that it had, also far above the floor', () => {
    const s = new Script({ certify: true, window: 2 }).start();
    for (let view = 1; view <= 5; view++) s.receive('nullify', view);
    for (const view of [4, 5]) s.block(`B${view}`, 'G', view).receive('notarize', view, `B${view}`);
    const held = s.engine.checkpoint();
    expect(s.restart().engine.checkpoint()).toEqual(held);
  });

  it('on a floor inside the epoch drops what lies below it', () => {
    const s = new Script().start().ring('1/leader').block('A', 'G', 1).block('B', 'A', 2).receive('nullify', 2);
    s.restart({ floor: s.get('B'), floorView: 2, floorCertificate: s.certificate('finalize', 2, 'B') });
    expect(s.said('sign')).toBe(false);
    expect(s.engine.status()).toMatchObject({ view: 3, finalizedView: 2 });
  });

  it("takes a descendant's certificate with the floor and finalizes up to it", () => {
    const s = new Script().block('A', 'G', 1).block('B', 'A', 2);
    s.restart({ floor: s.get('A'), floorView: 1, floorCertificate: s.certificate('finalize', 2, 'B') });
    expect(s.said('fetch B')).toBe(true);
    s.available('B');
    expect(s.said('finalized 2 B')).toBe(true);
  });
});
