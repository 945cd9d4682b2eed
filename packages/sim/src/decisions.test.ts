import { describe, expect, it } from 'vitest';
import { type Choice, Decisions } from './decisions.ts';
import { Stream } from './random.ts';
import { World } from './world.ts';

/** Asks two domains in turn, each drawing from a stream of its own. */
function ask(decisions: Decisions, questions: number): (Choice | null)[] {
  const streams = new Map(['link/a>b/votes', 'crash'].map((name) => [name, Stream.named(1, name)]));
  return Array.from({ length: questions }, (_, i) => {
    const domain = i % 3 === 0 ? 'crash' : 'link/a>b/votes';
    return decisions.decide(domain, () => {
      const stream = streams.get(domain);
      return stream?.chance(0.3) ? { kind: 'delay', ms: stream.below(100) } : null;
    });
  });
}

describe('decisions', () => {
  it('write down what was drawn, by domain and number of the question, and nothing else', () => {
    const decisions = Decisions.drawn();
    const answers = ask(decisions, 60);
    expect(decisions.taken).toHaveLength(answers.filter((choice) => choice !== null).length);
    for (const { domain, index, choice } of decisions.taken) {
      const question = domain === 'crash' ? 3 * index : index + Math.floor(index / 2) + 1;
      expect(answers[question]).toBe(choice);
    }
  });

  it('give the same answers again from the list', () => {
    const drawn = Decisions.drawn();
    const answers = ask(drawn, 60);
    const listed = Decisions.listed(drawn.taken);
    expect(ask(listed, 60)).toEqual(answers);
    expect(listed.taken).toEqual(drawn.taken);
  });

  it('leave out one fault without moving another', () => {
    const drawn = Decisions.drawn();
    ask(drawn, 60);
    const rest = drawn.taken.filter((_, i) => i !== 3);
    const listed = Decisions.listed(rest);
    ask(listed, 60);
    expect(listed.taken).toEqual(rest);
  });

  it('do not draw when there is a list, and ignore what is never asked for', () => {
    const decisions = Decisions.listed([{ domain: 'nobody', index: 5, choice: { kind: 'crash' } }]);
    const answer = decisions.decide('link', () => {
      throw new Error('drawn');
    });
    expect(answer).toBeNull();
    expect(decisions.taken).toEqual([]);
  });

  it('belong to a world, which draws its own unless it is given some', () => {
    const decisions = Decisions.listed([]);
    expect(new World({ seed: 1, decisions }).decisions).toBe(decisions);
    expect(new World({ seed: 1 }).decisions.decide('a', () => ({ kind: 'lose' }))).toEqual({ kind: 'lose' });
  });
});
