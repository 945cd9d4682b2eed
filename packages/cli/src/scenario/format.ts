import { QuorateError } from '@quorate/kernel';
import { mechanismNames } from '@quorate/replica';
import { parse, YAMLParseError } from 'yaml';
import { z } from 'zod';

const MAX_VALIDATORS = 100;
const MAX_SECONDS = 86_400;
const node = z.int().min(0).describe('Index of a validator, counted from 0');
const at = z.number().min(0).max(MAX_SECONDS).describe('Seconds after the start');
const lasting = z.number().min(0).max(MAX_SECONDS).describe('Seconds until it is over');
const chance = z.number().min(0).max(1);

const links = z.strictObject({
  latencyMs: z.number().min(0).max(60_000).default(0).describe('One way between any two validators'),
  jitterMs: z.number().min(0).max(60_000).default(0).describe('Added to it, uniform from 0'),
  loss: chance.default(0).describe('Chance of a message to vanish'),
});

const fault = z.discriminatedUnion('kind', [
  z
    .strictObject({ kind: z.literal('crash'), at, node, for: lasting })
    .describe('The process dies at once, and starts again'),
  z
    .strictObject({ kind: z.literal('pause'), at, node, for: lasting })
    .describe('The process stands still, then goes on as if nothing had been'),
  z
    .strictObject({ kind: z.literal('partition'), at, for: lasting, groups: z.array(z.array(node).min(1)).min(2) })
    .describe('Validators of different groups do not reach each other; who is in no group reaches all'),
  z
    .strictObject({ kind: z.literal('block'), at, for: lasting, from: node, to: node })
    .describe('Nothing from one validator reaches the other'),
  z
    .strictObject({ kind: z.literal('links'), at, for: lasting, ...links.shape })
    .describe('All links are like this for a time'),
]);

/** The format of scenario files; docs/scenario.schema.json is made of it. */
const scenarioSchema = z.strictObject({
  name: z.string().min(1).max(200).describe('What the scenario is about'),
  mechanism: z.enum(mechanismNames).default('simplex'),
  validators: z.int().min(1).max(MAX_VALIDATORS).default(4),
  seed: z
    .int()
    .min(0)
    .default(1)
    .describe('Of everything random in the simulator; real processes have their own chance'),
  seconds: z
    .number()
    .min(1)
    .max(MAX_SECONDS)
    .default(30)
    .describe('Virtual seconds in the simulator, real ones elsewhere'),
  deltaMs: z.int().min(10).max(60_000).default(500).describe('Assumed bound on delivering and judging a full block'),
  epochLength: z.int().min(2).max(1_000_000_000).default(10_000).describe('Heights per epoch'),
  links: links.prefault({}).describe('How messages travel all the time'),
  load: z
    .strictObject({ perSecond: z.number().min(0).max(10_000).default(10) })
    .prefault({})
    .describe('Transactions that are offered'),
  faults: z.array(fault).max(1000).default([]),
  expect: z
    .strictObject({
      heights: z.int().min(0).default(1).describe('Least heights that must be final at the end'),
      everybody: z.boolean().default(true).describe('Whether every validator must be there at the end'),
    })
    .prefault({}),
});

/** The format as a JSON Schema, for editors. */
export function scenarioJsonSchema(): object {
  return z.toJSONSchema(scenarioSchema, { io: 'input' });
}

export type Scenario = z.output<typeof scenarioSchema>;
export type ScenarioFault = Scenario['faults'][number];

/** Validators that a fault names. */
function named(one: ScenarioFault): readonly number[] {
  switch (one.kind) {
    case 'crash':
    case 'pause':
      return [one.node];
    case 'partition':
      return one.groups.flat();
    case 'block':
      return [one.from, one.to];
    case 'links':
      return [];
  }
}

/** Reads a scenario from YAML (JSON is YAML too). Throws `config/invalid` that names the file and the place in it. */
export function readScenario(text: string, file: string): Scenario {
  const refuse = (problem: string, cause?: unknown): never => {
    throw new QuorateError('config/invalid', `${file}: ${problem}`, { cause });
  };
  let value: unknown;
  try {
    value = parse(text, { maxAliasCount: 100 });
  } catch (error) {
    return refuse(
      error instanceof YAMLParseError ? (error.message.split('\n')[0] ?? 'not YAML') : String(error),
      error,
    );
  }
  const checked = scenarioSchema.safeParse(value);
  if (!checked.success) {
    const [first] = checked.error.issues;
    return refuse(`${first?.path.join('.') || 'the scenario'}: ${first?.message ?? 'not what the format allows'}`);
  }
  const scenario = checked.data;
  for (const [index, one] of scenario.faults.entries()) {
    const stranger = named(one).find((validator) => validator >= scenario.validators);
    if (stranger !== undefined)
      refuse(`faults.${index}: there is no validator ${stranger}: they are 0 to ${scenario.validators - 1}`);
    if (one.at >= scenario.seconds) refuse(`faults.${index}.at: the scenario ends after ${scenario.seconds} s`);
    const again = one.kind === 'crash' ? scenario.faults.findIndex((other) => isDownAt(other, one.node, one.at)) : -1;
    if (again >= 0 && again !== index) refuse(`faults.${index}: validator ${named(one)[0]} is down by faults.${again}`);
    if (one.kind === 'partition' && new Set(one.groups.flat()).size < one.groups.flat().length)
      refuse(`faults.${index}.groups: a validator is in one group only`);
  }
  return scenario;
}

/** Whether a fault keeps a validator down at this second. */
function isDownAt(fault: ScenarioFault, node: number, second: number): boolean {
  return fault.kind === 'crash' && fault.node === node && fault.at <= second && second < fault.at + fault.for;
}

/** How messages go from one validator to another at this moment: the usual, and whatever faults are on. Times in ms. */
export function linkAt(
  { links: usual, faults }: Pick<Scenario, 'links' | 'faults'>,
  second: number,
  from: number,
  to: number,
): { readonly latencyMs: number; readonly jitterMs: number; readonly loss: number; readonly blocked: boolean } {
  let now = { ...usual, blocked: false };
  for (const one of faults) {
    if (second < one.at || second >= one.at + one.for) continue;
    if (one.kind === 'links') now = { ...now, latencyMs: one.latencyMs, jitterMs: one.jitterMs, loss: one.loss };
    if (one.kind === 'block' && one.from === from && one.to === to) now.blocked = true;
    if (one.kind === 'partition') {
      const groupOf = (validator: number): number => one.groups.findIndex((group) => group.includes(validator));
      const [a, b] = [groupOf(from), groupOf(to)];
      if (a >= 0 && b >= 0 && a !== b) now.blocked = true;
    }
  }
  return now;
}
