import type { Decision } from '../decisions.ts';
import { FAULT_FAMILIES, type FaultFamily } from '../swarm/outcome.ts';
import { type Trace, type TraceConfiguration, writeTrace } from './format.ts';
import { failureClass } from './shrink.ts';

export interface RegressionOptions {
  /** What was wrong, for whoever reads the test when it fails: a sentence. */
  readonly what: string;
  /** The name under which the seed book keeps it: an issue or a bug. */
  readonly tag: string;
}

/** An entry of the seed book, as it stands on a page: {@link readSeedBook} reads it. */
export interface SeedBookEntry extends Omit<TraceConfiguration, 'families'> {
  readonly seed: number;
  /** What was wrong, and what it showed. */
  readonly note: string;
  readonly families?: readonly FaultFamily[];
  readonly decisions: readonly Decision[];
}

/** The seed book's entry for a failing trace. */
export function seedBookEntry({ header, decisions }: Trace, { tag, what }: RegressionOptions): SeedBookEntry {
  const { seed, configuration, failure } = header;
  const { families, ...rest } = configuration;
  const named = families === 'all' ? FAULT_FAMILIES : families;
  const note = oneLine(`${tag}: ${what} It showed: ${failure ?? 'nothing'}`);
  return { seed, note, ...rest, ...(named === undefined || named === 'swarm' ? {} : { families: named }), decisions };
}

/** A test file for vitest that replays the decisions of a failing trace and expects a clean run. */
export function regressionTest(trace: Trace, { tag, what }: RegressionOptions): string {
  const { header, decisions } = trace;
  const { seed, mechanism, configuration, failure } = header;
  const settings = { seed, mechanism, ...configuration };
  const title = `${tag}: seed ${seed} with ${decisions.length} decisions shows no ${classOf(trace)} failure`;
  return testOf({ title, what, failure, run: 'runSeed', settings, decisions });
}

/** A test file for vitest that runs `run` of the simulator with these settings and expects a clean run. */
export function testOf(test: {
  readonly title: string;
  readonly what: string;
  readonly failure: string | null;
  readonly run: 'runSeed' | 'runLightSeed';
  readonly settings: object;
  readonly decisions: readonly Decision[];
}): string {
  const [async, wait] = test.run === 'runSeed' ? ['async ', 'await '] : ['', ''];
  return [
    `import { ${test.run} } from '@quorate/sim';`,
    "import { expect, it } from 'vitest';",
    '',
    `// ${oneLine(test.what)}`,
    `// It showed: ${oneLine(test.failure ?? 'nothing')}`,
    `it(${quoted(test.title)}, ${async}() => {`,
    `  const { violations, stall } = ${wait}${test.run}({`,
    ...Object.entries(test.settings).map(([name, value]) => `    ${name}: ${literal(value)},`),
    ...linesOf(test.decisions),
    '  });',
    '  expect(violations).toEqual([]);',
    '  expect(stall).toBeNull();',
    '});',
    '',
  ].join('\n');
}

function linesOf(decisions: readonly Decision[]): string[] {
  if (decisions.length === 0) return ['    decisions: [],'];
  return ['    decisions: [', ...decisions.map((decision) => `      ${literal(decision)},`), '    ],'];
}

/** The trace itself with a comment that says what it is, for a file beside the test. */
export function annotatedTrace(trace: Trace, { tag, what }: RegressionOptions): string {
  return `# ${oneLine(`${tag}: ${what}`)}\n${writeTrace(trace)}`;
}

function classOf({ header: { failure } }: Trace): string {
  if (failure === null) return 'no';
  return failureClass({ violations: [failure], stall: null }) ?? 'no';
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

/** A value in the style of this code: single quotes, names without any where they need none. */
function literal(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).map(([name, field]) => `${nameOf(name)}: ${literal(field)}`);
    return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`;
  }
  return String(value);
}

function quoted(text: string): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return escaped.includes("'") && !escaped.includes('"') ? `"${escaped}"` : `'${escaped.replaceAll("'", "\\'")}'`;
}

function nameOf(name: string): string {
  return /^[A-Za-z_]\w*$/.test(name) ? name : quoted(name);
}
