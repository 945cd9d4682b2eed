import { QuorateError } from '@quorate/kernel';
import { mechanismNames } from '@quorate/replica';
import { FAULT_FAMILIES, type FaultFamily, type SeedOptions, strategyNames } from '@quorate/sim';
import { type Command, Option } from 'commander';
import { integer } from '../../output.ts';

/** Flags that shape a simulated run. */
export interface RunFlags {
  readonly mechanism: string;
  readonly validators?: string;
  readonly byzantine?: string;
  readonly strategy?: string;
  readonly faults: string;
  readonly until?: string;
}

const MAX_SEED = 0xffff_ffff;
/** Fewer bear no fault at all. */
const LEAST_VALIDATORS = 4;
/** Most that a seed draws. */
const MOST_DRAWN = 7;

/** Adds the flags that shape a simulated run. */
export function shapesRun(command: Command): Command {
  return command
    .addOption(new Option('--mechanism <name>', 'consensus mechanism').choices([...mechanismNames]).default('simplex'))
    .option('--validators <n>', 'number of validators, 4 at least; otherwise each seed draws from 4 to 7')
    .option(
      '--byzantine <k>',
      'validators that break the rules, 0 for none; otherwise each seed draws. Who would bring their weight to a third keeps the rules',
    )
    .addOption(new Option('--strategy <name>', 'how they break them').choices([...strategyNames]))
    .option(
      '--faults <families>',
      `faults that may happen: swarm (each seed draws families), all, none, or a list of: ${FAULT_FAMILIES.join(', ')}`,
      'swarm',
    )
    .option('--until <seconds>', 'virtual seconds of faults before the network is healed; otherwise each seed draws');
}

/** What every seed of a run has in common. Throws `config/invalid` naming the flag. */
export function settingsOf(flags: RunFlags): Omit<SeedOptions, 'seed'> {
  const { mechanism } = flags;
  if (mechanism !== 'simplex')
    throw new QuorateError('config/invalid', `--mechanism: the simulator does not run ${mechanism} yet`);
  const validators =
    flags.validators === undefined ? undefined : integer('--validators', flags.validators, LEAST_VALIDATORS, 100);
  const until = flags.until === undefined ? undefined : 1000 * integer('--until', flags.until, 1, 86_400);
  return {
    mechanism,
    families: familiesOf(flags.faults),
    ...(validators === undefined ? {} : { validators }),
    ...(until === undefined ? {} : { until }),
    ...byzantineOf(flags, validators),
  };
}

function byzantineOf(flags: RunFlags, validators: number | undefined): Pick<SeedOptions, 'byzantine'> {
  if (flags.byzantine === undefined && flags.strategy === undefined) return {};
  const count = integer('--byzantine', flags.byzantine ?? '1', 0, 100);
  if (count === 0) return { byzantine: null };
  if (flags.strategy === undefined)
    throw new QuorateError('config/invalid', `--byzantine: say how with --strategy: ${strategyNames.join(', ')}`);
  const size = validators ?? MOST_DRAWN;
  if (3 * count >= size && flags.strategy !== 'fork') {
    const problem = `${count} of ${size} validators are a third or more, which no protocol bears: see quorate sim fork`;
    throw new QuorateError('config/invalid', `--byzantine: ${problem}`);
  }
  return { byzantine: { count, strategy: flags.strategy } };
}

function familiesOf(text: string): readonly FaultFamily[] | 'all' | 'swarm' {
  if (text === 'all' || text === 'swarm') return text;
  if (text === 'none') return [];
  return text.split(',').map((name) => {
    const family = FAULT_FAMILIES.find((known) => known === name.trim());
    if (family === undefined)
      throw new QuorateError(
        'config/invalid',
        `--faults: ${JSON.stringify(name)} is none of ${FAULT_FAMILIES.join(', ')}`,
      );
    return family;
  });
}

/** `A..B` or a number of seeds from 1 on, as [first, last]. Throws `config/invalid`. */
export function seedsOf(text: string): readonly [first: number, last: number] {
  const [from, to, ...rest] = text.split('..');
  if (from === undefined || rest.length > 0)
    throw new QuorateError('config/invalid', `--seeds: ${text} is not A..B or a number`);
  if (to === undefined) return [1, integer('--seeds', from, 1, MAX_SEED)];
  const first = integer('--seeds', from, 0, MAX_SEED);
  return [first, integer('--seeds', to, first, MAX_SEED)];
}

/** The flags again, as one would type them: what a message tells to run. */
export function typed(flags: RunFlags): string {
  const { mechanism, validators, byzantine, strategy, faults, until } = flags;
  const said = { mechanism: mechanism === 'simplex' ? undefined : mechanism, validators, byzantine, strategy, until };
  const parts = Object.entries(said).flatMap(([name, value]) => (value === undefined ? [] : [` --${name} ${value}`]));
  return `${parts.join('')}${faults === 'swarm' ? '' : ` --faults ${faults}`}`;
}
