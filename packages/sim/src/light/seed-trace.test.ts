import { describe, expect, it } from 'vitest';
import { runLightSeed } from './seed.ts';
import { isLightTrace, lightRegressionTest, readLightTrace, replayLight, writeLightTrace } from './seed-trace.ts';

const options = { seed: 7, byzantine: null, families: ['crash', 'loss'], lastHeight: null, until: 900 } as const;
const { decisions, hash } = runLightSeed(options);
const listed = { ...options, decisions };
const text = writeLightTrace(listed, { failure: 'agreement: two', code: 'test' });

describe('traces of engines alone', () => {
  it('are read as they were written, and repeat the run', () => {
    expect(decisions.length).toBeGreaterThan(3);
    expect(readLightTrace(text)).toEqual(listed);
    expect(readLightTrace(`# a comment\n\n${text}`)).toEqual(listed);
    const { outcome, lines } = replayLight(readLightTrace(text));
    expect(outcome.hash).toBe(hash);
    expect(lines[0]).toContain(hash);
    expect(lines.filter((line) => line.startsWith('FAULT '))).toHaveLength(decisions.length);
  });

  it('are told from those of whole replicas', () => {
    expect(isLightTrace(`# a comment\n${text}`)).toBe(true);
    expect(isLightTrace('{"format":"quorate-trace","version":1}\n')).toBe(false);
    expect(isLightTrace('')).toBe(false);
  });

  it('tell the end of a run, or all of it', () => {
    const all = replayLight(listed).lines.length;
    const end = replayLight(listed, 100).lines.length;
    expect(end).toBeGreaterThan(5);
    expect(end).toBeLessThan(all / 2);
    const broken = { ...runLightSeed(listed), violations: ['agreement: two'], stall: 'late' };
    expect(replayLight(listed, 1, () => broken).lines.slice(-2)).toEqual([
      'VIOLATION of agreement: two',
      'STALL: late',
    ]);
  });

  it('become a test that replays them', () => {
    const test = lightRegressionTest(listed, { tag: 'a/bug', what: 'it is\nwrong', failure: 'agreement: two' });
    expect(test).toContain('// it is wrong\n// It showed: agreement: two\n');
    expect(test).toContain("    seed: 7,\n    byzantine: null,\n    families: ['crash', 'loss'],\n");
    for (const { domain, index } of decisions)
      expect(test).toContain(`{ domain: '${domain}', index: ${index}, choice: {`);
  });

  const [header = '', first = ''] = text.split('\n');
  it.each([
    ['', 'the trace is empty'],
    ['[]', 'line 1 of the trace is not an object'],
    ['{', 'line 1 of the trace is not JSON'],
    [header.replace('quorate-light-trace', 'quorate-trace'), 'line 1 of the trace is no header'],
    [header.replace('"version":1', '"version":2'), 'has version 2'],
    [header.replace('"seed":7', '"seed":-7'), 'has no seed'],
    [header.replace('"crash"', '"plague"'), 'has a configuration with families'],
    [header.replace('"until":900', '"untill":900'), 'has a configuration with untill'],
    [header.replace('"until":900', '"constructor":900'), 'has a configuration with constructor'],
    [header.replace('"seed":7', '"seed":7,"speed":9'), 'line 1 of the trace has an unknown field "speed"'],
    [header.replace('"code":"test"', '"code":7'), 'does not say what code made it'],
    [`${header}\n${first.replace('"index":', '"place":')}`, 'line 2 of the trace has no index'],
    [
      `${header}\n${first.replace('"index":', '"place":1,"index":')}`,
      'line 2 of the trace has an unknown field "place"',
    ],
    [`${header}\n${first.replace('"kind":', '"how":1,"kind":')}`, 'has a choice with an unknown field "how"'],
    [`${header}\n${first}\n${first}`, 'line 3 of the trace decides'],
  ])('are refused when they are none: %#', (broken, why) => {
    expect(() => readLightTrace(broken)).toThrow(why);
  });
});
