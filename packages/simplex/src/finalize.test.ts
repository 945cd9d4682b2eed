import { describe, expect, it } from 'vitest';
import { Script } from '../../../test/simplex/script.ts';
import { digestOfText } from '../../../test/simplex/world.ts';

const finals = (s: Script): string[] =>
  s.latest.filter((line) => line.includes('finalized')).map((line) => line.trim());

describe('S8: a Finalization', () => {
  it('finalizes the block and all its ancestors in order, and raises the floor', () => {
    const s = new Script().start();
    s.block('A', 'G', 1).block('B', 'A', 3).block('C', 'B', 4).available('A').available('B').available('C');
    s.receive('finalize', 4, 'C');
    expect(finals(s)).toEqual([
      'finalized 1 A by Finalization(4 C)',
      'finalized 2 B by Finalization(4 C)',
      'finalized 3 C by Finalization(4 C)',
    ]);
    expect(s.engine.status()).toMatchObject({ finalizedHeight: 3, finalizedView: 4, view: 5 });
    expect(s.engine.checkpoint()).toEqual([]);
  });

  it('names leader, parent and the stored justification', () => {
    const s = new Script().start().receive('nullify', 1).block('B', 'G', 2).propose('B').receive('finalize', 2, 'B');
    const effect = s.effects.find((one) => one.kind === 'finalized');
    expect(effect).toMatchObject({
      commit: { index: 1, previous: s.genesis.ref.digest, leader: s.leader(2), blocks: [s.get('B')] },
      finality: { grade: 'final', certifiedHeight: 1 },
    });
    expect(effect?.kind === 'finalized' && effect.commit.justification).toEqual([s.certificate('nullify', 1)]);
  });

  it('waits for missing ancestors, which it fetches one by one', () => {
    const s = new Script().start().block('A', 'G', 1).block('B', 'A', 2).receive('finalize', 2, 'B');
    expect(s.said('fetch B')).toBe(true);
    s.available('B');
    expect(s.said('fetch A') && finals(s).length === 0).toBe(true);
    s.available('A');
    expect(finals(s)).toHaveLength(2);
  });

  it('is applied when block sync brings blocks from below and then their certificate', () => {
    const s = new Script().start();
    s.block('A', 'G', 1).block('B', 'A', 2).block('C', 'B', 3).block('D', 'C', 4);
    s.receive('finalize', 4, 'D'); // heard long before the blocks
    s.available('A').available('B').receive('finalize', 2, 'B');
    expect(finals(s)).toEqual(['finalized 1 A by Finalization(2 B)', 'finalized 2 B by Finalization(2 B)']);
    s.available('C').available('D');
    expect(finals(s)).toEqual(['finalized 3 C by Finalization(4 D)', 'finalized 4 D by Finalization(4 D)']);
  });

  it('takes far more blocks than the window from block sync', () => {
    const s = new Script({ lastHeight: 1000 }).start();
    let parent = 'G';
    for (let view = 1; view <= 300; view++) {
      s.block(`B${view}`, parent, view).available(`B${view}`);
      parent = `B${view}`;
    }
    s.receive('finalize', 300, 'B300');
    expect(finals(s)).toHaveLength(300);
    expect(s.engine.status().finalizedHeight).toBe(300);
  });

  it('is the only thing that resets the back-off', () => {
    const s = new Script({ timing: { delta: 100, alpha: 2 } }).start();
    for (let view = 1; view <= 6; view++) s.receive('nullify', view);
    expect(s.said('set 7/leader in 800')).toBe(true); // six views without: two past the patience of four
    s.block('B', 'G', 7).available('B').receive('notarize', 7, 'B');
    expect(s.said('set 8/leader in 1600')).toBe(true);
    s.receive('finalize', 7, 'B').receive('nullify', 8);
    expect(s.said('set 9/leader in 200')).toBe(true);
  });

  it('forgets what block sync will bring, keeps the rest bounded while far behind', () => {
    const s = new Script({ lastHeight: 10_000 }).start();
    let parent = 'G';
    for (let view = 1; view <= 500; view++) {
      s.block(`B${view}`, parent, view).receive('finalize', view, `B${view}`);
      parent = `B${view}`;
    }
    expect(s.engine.checkpoint().length).toBeLessThan(200);
    expect(s.engine.status().view).toBe(501);
  });
});

describe('S11: the end of an epoch', () => {
  const next = { nextValidatorsRoot: digestOfText('next set') };

  it('is announced once, with block E and its certificate; then nobody votes', () => {
    const s = new Script({ lastHeight: 1 }).start().block('E', 'G', 1, next).available('E').receive('finalize', 1, 'E');
    expect(s.said('epoch 0 ended with E by Finalization(1 E)')).toBe(true);
    s.step({ kind: 'timer', timer: '2/leader' }, 'timer 2/leader').block('X', 'E', 2, s.emptyOn('E')).propose('X');
    expect(s.everSaid('sign')).toBe(false);
    expect(s.lines.filter((line) => line.includes('ended'))).toHaveLength(1);
  });

  it('brings no vote of the step that ends it, in the view that the certificate leads to', () => {
    const gaveUp = new Script({ lastHeight: 1 }).start().block('E', 'G', 1, next).available('E');
    gaveUp.vote(gaveUp.leader(2), 'nullify', 2).receive('finalize', 1, 'E');
    expect(gaveUp.said('epoch 0 ended with E') && !gaveUp.everSaid('sign nullify 2')).toBe(true);
    expect(gaveUp.said('set')).toBe(false);
    expect(gaveUp.engine.checkpoint()).toEqual([]);

    const asleep = new Script({ lastHeight: 1 }).start().block('E', 'G', 1, next);
    asleep.now += 600;
    for (const other of asleep.others) if (other !== asleep.leader(2)) asleep.vote(other, 'finalize', 1, 'E');
    asleep.available('E').receive('finalize', 1, 'E', asleep.others.find((other) => other !== asleep.leader(2)) ?? 0);
    expect(asleep.said('epoch 0 ended with E') && !asleep.everSaid('sign')).toBe(true);
  });

  it('goes on in the next view while the block of the Finalization is not here', () => {
    const s = new Script({ lastHeight: 1 }).start().block('E', 'G', 1, next).receive('finalize', 1, 'E');
    expect(s.engine.status().view).toBe(2);
    expect(s.said('set 2/leader')).toBe(true);
    s.available('E');
    expect(s.said('epoch 0 ended with E') && !s.said('set')).toBe(true);
  });

  it('may be shown by a filler, which is no height of the chain', () => {
    const s = new Script({ lastHeight: 1 }).start().block('E', 'G', 1, next).available('E');
    s.block('F', 'E', 2, s.emptyOn('E')).available('F').receive('finalize', 2, 'F');
    expect(finals(s)).toEqual(['finalized 1 E by Finalization(2 F)']);
    expect(s.said('epoch 0 ended with E by Finalization(2 F)')).toBe(true);
    s.vote(s.others[0] ?? 0, 'nullify', 3);
    expect(s.said(`send to ${s.others[0]}: Finalization(2 F)`)).toBe(true);
  });

  it('serves its proof to whoever still speaks, sparingly', () => {
    const s = new Script({ lastHeight: 1 }).start().block('E', 'G', 1, next).available('E').receive('finalize', 1, 'E');
    const [a] = s.others;
    s.vote(a ?? 0, 'nullify', 1);
    expect(s.said(`send to ${a}: Finalization(1 E)`)).toBe(true);
    s.vote(a ?? 0, 'nullify', 1);
    expect(s.latest).toEqual([]);
  });

  it('asks the leader for the last block as such, and for nothing but empty blocks after it', () => {
    const s = new Script({ leads: 1, lastHeight: 1 }).start();
    expect(s.said('build full block 1 in view 1 on G, last of the epoch')).toBe(true);
    const after = new Script({ leads: 2, lastHeight: 1 }).start().block('E', 'G', 1, next).available('E');
    after.receive('notarize', 1, 'E');
    expect(after.said('build empty block 2 in view 2 on E')).toBe(true);
  });

  it('refuses fillers with content, and never has them judged', () => {
    const s = new Script({ lastHeight: 1 }).start().block('E', 'G', 1, next).available('E').receive('notarize', 1, 'E');
    s.block('F', 'E', 2).propose('F');
    expect(s.everSaid('sign nullify 2') && !s.everSaid('judge F')).toBe(true);
    const good = new Script({ lastHeight: 1 }).start().block('E', 'G', 1, next).available('E');
    good.receive('notarize', 1, 'E').block('F', 'E', 2, good.emptyOn('E')).propose('F');
    expect(good.everSaid('sign notarize 2 F') && !good.everSaid('judge F')).toBe(true);
  });

  it('refuses a last block that names no next set', () => {
    const s = new Script({ lastHeight: 1 }).start().block('E', 'G', 1).propose('E');
    expect(s.everSaid('sign nullify 1')).toBe(true);
  });

  it('is said again after a restart on the last block', () => {
    const s = new Script({ lastHeight: 1 }).block('E', 'G', 1, next);
    s.restart({ floor: s.get('E'), floorView: 1, floorCertificate: s.certificate('finalize', 1, 'E') });
    expect(s.said('epoch 0 ended with E') && !s.said('set')).toBe(true);
  });

  it('is said again when a filler proved it, and nobody votes with a new memory (light seed 108613)', () => {
    const s = new Script({ lastHeight: 1 }).block('E', 'G', 1, next);
    s.block('F', 'E', 2, s.emptyOn('E'));
    s.restart({ floor: s.get('E'), floorView: 1, floorCertificate: s.certificate('finalize', 2, 'F') });
    expect(s.said('epoch 0 ended with E by Finalization(2 F)') && !s.said('set')).toBe(true);
    s.propose('F').receive('notarize', 2, 'F').receive('nullify', 3);
    expect(s.everSaid('sign')).toBe(false);
  });

  it('without its proof votes as before the restart, and for nothing else', () => {
    const s = new Script({ lastHeight: 1 }).start().block('E', 'G', 1, next).available('E').receive('notarize', 1, 'E');
    s.block('F', 'E', 2, s.emptyOn('E')).propose('F');
    expect(s.everSaid('sign notarize 2 F')).toBe(true);
    s.restart({ floor: s.get('E'), floorView: 1, floorCertificate: null });
    expect(s.said('sign notarize 2 F')).toBe(true);
    s.block('X', 'E', 2, { ...s.emptyOn('E'), time: 77 }).propose('X');
    expect(s.everSaid('sign notarize 2 X')).toBe(false);
  });
});
