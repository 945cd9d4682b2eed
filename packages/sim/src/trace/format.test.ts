import { isQuorateError } from '@quorate/kernel';
import { describe, expect, it } from 'vitest';
import { Decisions } from '../decisions.ts';
import { configurationOf } from '../swarm/configuration.ts';
import { planFaults } from '../swarm/plan.ts';
import { fieldsOf } from './choices.ts';
import { optionsOf, readTrace, type Trace, traceOf, writeTrace } from './format.ts';

const options = {
  seed: 7,
  mechanism: 'simplex',
  validators: 4,
  byzantine: null,
  families: ['crash', 'loss'],
  until: 20_000,
} as const;
const decisions = [
  { domain: 'crash', index: 0, choice: { kind: 'crash', node: 'n1', at: 1200, power: true } },
  { domain: 'link/n0>n1/votes', index: 31, choice: { kind: 'delay', ms: 310 } },
];
const trace: Trace = traceOf(options, { decisions, failure: 'agreement: two blocks at height 3', code: 'abc' });

function errorOf(text: string): string {
  try {
    readTrace(text);
  } catch (error) {
    if (isQuorateError(error, 'codec/invalid')) return error.message;
    throw error;
  }
  return 'read';
}

describe('a trace', () => {
  it('reads as it was written', () => {
    expect(readTrace(writeTrace(trace))).toEqual(trace);
    expect(optionsOf(trace)).toEqual({ ...options, decisions });
  });

  it('has one line for the header and one for each decision', () => {
    const lines = writeTrace(trace).trimEnd().split('\n');
    expect(lines).toHaveLength(3);
    expect(JSON.parse(lines[2] ?? '')).toEqual(decisions[1]);
  });

  it('may hold comments and empty lines', () => {
    const [header, ...rest] = writeTrace(trace).split('\n');
    expect(readTrace([header, '', '# the crash of node 1', ...rest].join('\n'))).toEqual(trace);
  });

  it.each([
    ['', 'empty'],
    ['{', 'line 1 of the trace is not JSON'],
    ['[]', 'line 1 of the trace is not an object'],
    ['{"format":"something"}', 'is no header'],
    [JSON.stringify({ ...trace.header, version: 2 }), 'has version 2'],
    [JSON.stringify({ ...trace.header, seed: -1 }), 'has no seed'],
    [JSON.stringify({ ...trace.header, mechanism: 'raft' }), 'mechanism "raft"'],
    [JSON.stringify({ ...trace.header, code: 1 }), 'what code'],
    [JSON.stringify({ ...trace.header, failure: 1 }), 'failure'],
    [JSON.stringify({ ...trace.header, configuration: { speed: 9 } }), 'unknown setting "speed"'],
    [JSON.stringify({ ...trace.header, configuration: { validators: 0 } }), 'validators'],
    [JSON.stringify({ ...trace.header, configuration: { until: 0 } }), 'end'],
    [JSON.stringify({ ...trace.header, configuration: { byzantine: 1 } }), 'Byzantine'],
    [JSON.stringify({ ...trace.header, configuration: { families: ['flood'] } }), 'family of faults: "flood"'],
    [JSON.stringify({ ...trace.header, configuration: { families: 'some' } }), 'families'],
    [JSON.stringify({ ...trace.header, configuration: null }), 'no configuration'],
    [`${JSON.stringify(trace.header)}\n{"index":0,"choice":{"kind":"lose"}}`, 'line 2 of the trace has no domain'],
    [`${JSON.stringify(trace.header)}\n{"domain":"a","choice":{"kind":"lose"}}`, 'no index'],
    [`${JSON.stringify(trace.header)}\n{"domain":"a","index":0}`, 'no choice'],
    [`${JSON.stringify(trace.header)}\n{"domain":"a","index":0,"choice":{"kind":"delay","ms":null}}`, '"ms"'],
    [`${JSON.stringify(trace.header)}\n{"domain":"a","index":0,"choice":{"kind":"lose"},"t":1}`, 'unknown field "t"'],
    [JSON.stringify({ ...trace.header, seeds: 7 }), 'line 1 of the trace has an unknown field "seeds"'],
    [
      JSON.stringify({ ...trace.header, configuration: { byzantine: { count: 1, strategy: 'late', nodes: 2 } } }),
      'unknown setting "nodes"',
    ],
    [
      `${JSON.stringify(trace.header)}\n\n{"domain":"link/a>b/votes","index":0,"choice":{"kind":"delay","mss":3}}`,
      'line 3 of the trace has a choice with an unknown field "mss"',
    ],
    [
      `${JSON.stringify(trace.header)}\n{"domain":"crash","index":0,"choice":{"kind":"crash","__proto__":"x"}}`,
      'unknown field "__proto__"',
    ],
    [`${writeTrace(trace)}${JSON.stringify(decisions[0])}`, 'decides crash#0 a second time'],
  ])('is refused with its line: %s', (text, reason) => {
    expect(errorOf(text)).toContain(reason);
  });
});

describe('the fields of choices', () => {
  it('are all those that plans draw', () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 60; seed++) {
      const decisions = Decisions.drawn();
      planFaults(configurationOf({ seed, mechanism: 'simplex', families: 'all' }, []), decisions, [1]);
      for (const { domain, choice } of decisions.taken) {
        const { kind, ...rest } = choice;
        seen.add(kind);
        const known = fieldsOf(domain, kind);
        expect({ domain, kind, unknown: Object.keys(rest).filter((field) => known?.includes(field) !== true) }).toEqual(
          {
            domain,
            kind,
            unknown: [],
          },
        );
      }
    }
    expect(seen.size).toBeGreaterThan(20);
  });

  it('are not known of a domain or kind that nobody has', () => {
    for (const [domain, kind] of [
      ['constructor', 'crash'],
      ['crash', 'constructor'],
      ['links', 'lose'],
    ] as const) {
      expect(fieldsOf(domain, kind)).toBeNull();
    }
    expect(fieldsOf('byzantine', 'frame')).toEqual(['node']);
  });
});
