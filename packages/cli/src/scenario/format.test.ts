import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { linkAt, readScenario, scenarioJsonSchema } from './format.ts';

const root = new URL('../../../../', import.meta.url);
const refusal = (text: string): string => {
  try {
    readScenario(text, 'my.yaml');
  } catch (error) {
    return `${(error as { code?: string }).code} ${(error as Error).message}`;
  }
  return 'taken';
};

describe('scenario files', () => {
  it('that are given as examples can be read', () => {
    const folder = new URL('examples/scenarios/', root);
    const names = readdirSync(folder).filter((name) => name.endsWith('.yaml'));
    expect(names.length).toBeGreaterThanOrEqual(3);
    for (const name of names) {
      const scenario = readScenario(readFileSync(new URL(name, folder), 'utf8'), name);
      expect(scenario.faults.length).toBeGreaterThan(0);
      for (const fault of scenario.faults) expect(fault.at + fault.for).toBeLessThanOrEqual(scenario.seconds);
    }
  });

  it('need say no more than their name', () => {
    expect(readScenario('name: quiet', 'my.yaml')).toEqual({
      name: 'quiet',
      mechanism: 'simplex',
      validators: 4,
      seed: 1,
      seconds: 30,
      deltaMs: 500,
      epochLength: 10_000,
      links: { latencyMs: 0, jitterMs: 0, loss: 0 },
      load: { perSecond: 10 },
      faults: [],
      expect: { heights: 1, everybody: true },
    });
  });

  it.each([
    ['a: [', 'my.yaml: '],
    ['[]', 'my.yaml: the scenario: '],
    ['name: x\nvalidator: 4', 'my.yaml: the scenario: Unrecognized key: "validator"'],
    ['name: x\nmechanism: magic', 'my.yaml: mechanism: '],
    ['name: x\nfaults: [{ kind: fire, at: 1 }]', 'my.yaml: faults.0.kind: '],
    ['name: x\nfaults: [{ kind: crash, at: 1, node: 4, for: 1 }]', 'my.yaml: faults.0: there is no validator 4'],
    [
      'name: x\nfaults: [{ kind: crash, at: 30, node: 1, for: 1 }]',
      'my.yaml: faults.0.at: the scenario ends after 30 s',
    ],
    [
      'name: x\nfaults: [{ kind: crash, at: 4, node: 1, for: 2 }, { kind: crash, at: 5, node: 1, for: 4 }]',
      'my.yaml: faults.1: validator 1 is down by faults.0',
    ],
    [
      'name: x\nfaults: [{ kind: partition, at: 1, for: 1, groups: [[0, 1], [1, 2]] }]',
      'my.yaml: faults.0.groups: a validator is in one group only',
    ],
  ])('%j is refused with the place', (text, complaint) => {
    expect(refusal(text)).toContain(`config/invalid ${complaint}`);
  });

  it('are described by docs/scenario.schema.json', () => {
    const page: unknown = JSON.parse(readFileSync(new URL('docs/scenario.schema.json', root), 'utf8'));
    expect(page).toEqual(JSON.parse(JSON.stringify(scenarioJsonSchema())));
  });
});

it('links are as usual but for the faults that are on', () => {
  const scenario = readScenario(
    `name: x
links: { latencyMs: 20 }
faults:
  - { kind: links, at: 5, for: 5, latencyMs: 300, loss: 0.1 }
  - { kind: partition, at: 8, for: 4, groups: [[0, 1], [2]] }
  - { kind: block, at: 20, for: 1, from: 3, to: 0 }`,
    'my.yaml',
  );
  const usual = { latencyMs: 20, jitterMs: 0, loss: 0, blocked: false };
  expect(linkAt(scenario, 4.9, 0, 2)).toEqual(usual);
  expect(linkAt(scenario, 5, 0, 2)).toEqual({ latencyMs: 300, jitterMs: 0, loss: 0.1, blocked: false });
  expect(linkAt(scenario, 9, 2, 1).blocked).toBe(true);
  expect(linkAt(scenario, 9, 0, 1).blocked).toBe(false);
  expect(linkAt(scenario, 9, 3, 2).blocked).toBe(false);
  expect(linkAt(scenario, 11, 2, 1)).toEqual({ ...usual, blocked: true });
  expect(linkAt(scenario, 12, 2, 1)).toEqual(usual);
  expect([linkAt(scenario, 20.5, 3, 0).blocked, linkAt(scenario, 20.5, 0, 3).blocked]).toEqual([true, false]);
});
