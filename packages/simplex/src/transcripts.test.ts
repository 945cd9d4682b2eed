import { expect, it } from 'vitest';
import { Script } from '../../../test/simplex/script.ts';
import { digestOfText } from '../../../test/simplex/world.ts';

const scenarios: Readonly<Record<string, () => Script>> = {
  'all-online': () => {
    const s = new Script({ leads: 2 }).note('View 1: another leads; its block is notarized and accepted.').start();
    const [a = 0, b = 0, c = 0] = s.others;
    s.block('A', 'G', 1).propose('A').judge('valid');
    for (const other of [a, b, c]) if (other !== s.leader(1)) s.vote(other, 'notarize', 1, 'A');
    s.note('View 2: we lead and build on A. The votes that finalize A arrive meanwhile.').built('B').available('B');
    for (const other of [a, b, c]) s.vote(other, 'finalize', 1, 'A');
    return s;
  },

  'split-certificate-views': () => {
    const s = new Script({ leads: 3 });
    s.note('Some saw view 1 notarized, we saw it nullified: both are kept, both lead on.').start();
    s.block('A', 'G', 1).available('A').receive('nullify', 1);
    s.note('Somebody who holds only the Notarization builds on A; its justification brings it.');
    s.block('B', 'A', 2).propose('B').judge('valid');
    s.note('View 2 ends without B. We lead view 3 and may still build on A, which was never un-notarized (S7).');
    return s.receive('nullify', 2).built('C').available('C');
  },

  'late-notarization-after-own-nullify': () => {
    const s = new Script().note('The leader is late: we nullify.').start().block('A', 'G', 1).ring('1/leader');
    s.note('Its block is notarized without us: we accept it, go on, and never vote to finalize it.');
    s.propose('A').receive('notarize', 1, 'A');
    s.note('Others finalize it: that binds us too.');
    return s.receive('finalize', 1, 'A');
  },

  'certificate-of-a-view-never-entered': () => {
    const s = new Script()
      .note('A Notarization far ahead moves us there; its block and ancestors are fetched.')
      .start();
    s.block('A', 'G', 3).block('B', 'A', 9).receive('notarize', 9, 'B').available('B').available('A');
    s.note('Its Finalization makes all of them final.');
    return s.receive('finalize', 9, 'B');
  },

  'equivocating-leader': () => {
    const s = new Script().note('Two proposals by one leader: the second is evidence.').start();
    s.block('A', 'G', 1).block('B', 'G', 1).propose('A').judge('valid').propose('B');
    s.note('A gets its Notarization: accepted, but no Finalize vote for a view whose leader equivocated.');
    return s.receive('notarize', 1, 'A');
  },

  'conflicting-voter': () => {
    const s = new Script().note('One validator nullifies and finalizes the same view.').start().block('A', 'G', 1);
    const [a = 0] = s.others.filter((other) => other !== s.leader(1));
    return s.vote(a, 'nullify', 1).vote(a, 'finalize', 1, 'A').vote(a, 'finalize', 1, 'A');
  },

  'restart-right-after-nullify': () => {
    const s = new Script().note('We nullify and crash.').start().block('A', 'G', 1).ring('1/leader');
    s.note('After the restart the gate signs the same again; the late proposal gets no vote.').restart().propose('A');
    s.note('While the view lasts the vote is repeated.').ring('1/retry');
    return s.note('Its Notarization moves us on, without a Finalize vote.').receive('notarize', 1, 'A');
  },

  'restart-of-a-leader': () => {
    const s = new Script({ leads: 1 }).note('We lead, propose and crash.').start().built('A').available('A');
    return s.note('After the restart the same proposal is sent again, and nothing else is built.').restart();
  },

  'epoch-boundary-with-removed-leader': () => {
    const s = new Script({ lastHeight: 1 }).note('Height 1 ends the epoch and names the next set.').start();
    s.block('E', 'G', 1, { nextValidatorsRoot: digestOfText('next set') })
      .propose('E')
      .judge('valid');
    s.receive('notarize', 1, 'E');
    s.note('Its Finalize votes are lost: an empty filler carries on, unjudged, so that E may become final.');
    s.block('F', 'E', 2, s.emptyOn('E')).propose('F').receive('notarize', 2, 'F');
    s.note('F is finalized and E with it. The epoch ends once.').receive('finalize', 2, 'F');
    s.note('A leader that is no longer in the next set still proposes: it gets the proof, and no vote.');
    return s.block('X', 'F', 3, s.emptyOn('F')).propose('X');
  },

  'non-speculative-with-lost-finalization': () => {
    const s = new Script({ leads: 2, speculative: false });
    s.note('A is notarized, but its Finalize votes are lost.').start().block('A', 'G', 1).propose('A').judge('valid');
    s.receive('notarize', 1, 'A');
    s.note('We lead and may not execute on A: after Δ an empty block that copies its state.').ring('2/finality');
    s.built('B').available('B').receive('notarize', 2, 'B');
    s.note('The next leader finds B final, and A with it: full blocks again.').receive('finalize', 2, 'B');
    return s.block('C', 'B', 3, {}, [s.certificate('finalize', 2, 'B')]).propose('C');
  },

  'app-that-never-answers': () => {
    const s = new Script()
      .note('The verdict never comes: tAdvance ends the view.')
      .start()
      .block('A', 'G', 1)
      .propose('A');
    s.ring('1/advance');
    return s.note('A verdict after that changes nothing.').judge('valid');
  },

  'sync-from-below': () => {
    const s = new Script({ self: null }).note('An observer hears a Finalization long before the blocks.').start();
    s.block('A', 'G', 1).block('B', 'A', 2).block('C', 'B', 3).receive('finalize', 3, 'C');
    s.note('Block sync feeds from below, with the certificate of what it fed.');
    s.available('A').receive('finalize', 1, 'A').available('B');
    return s.note('The last block connects to the certificate that waited.').available('C');
  },
};

it.each(Object.keys(scenarios))('%s reads as it did', async (name) => {
  const script = scenarios[name]?.();
  await expect(script?.text()).toMatchFileSnapshot(`transcripts/${name}.txt`);
});
