import { QuorateError } from '@quorate/kernel';
import type { Atlas } from './atlas.ts';
import type { Choice } from './decisions.ts';
import type { Backup } from './disk/options.ts';
import type { Machine, Program } from './machine.ts';

/** What can be taken from a machine, by the beginning of the names of its files and stores. */
export const BELONGINGS: Readonly<Record<string, readonly string[]>> = {
  all: [''],
  gate: ['gate/'],
  journal: ['journal/'],
  store: ['blocks', 'evidence', 'application'],
  'all but the gate': ['journal/', 'blocks', 'evidence', 'application'],
};

/** Keeps what {@link inflict} must remember of one machine. */
export interface Patient<P extends Program> {
  readonly machine: Machine<P>;
  /** `null`: damage is neither limited nor recorded. */
  readonly atlas: Atlas | null;
  backup: Backup | null;
}

/**
 * Does to a machine what a choice says, now. Whether damage that the atlas does not permit was left out is the result; so is
 * whether there was anything to do it to. Choices, in ms where not said otherwise:
 * `crash {down?, power?, at?, side?, tear?}` (at the `at`-th boundary from now when given; back after `down`), `pause {ms}`,
 * `slow {cost}` (processor time per event), `lose {what}` (of {@link BELONGINGS}, while it is off), `jump {ms}`, `drift {by}`,
 * `stall {ms}` and `slow-disk {factor}`, `capacity {free}` (bytes; absent: unlimited), `fail-syncs {count}`, `backup`, `restore` (what
 * the last backup holds, gate included: a slashing risk, so count it as damage), `upgrade {version}` (crash without power, back with it).
 * Throws `config/invalid` for any other.
 */
export function inflict<P extends Program>(patient: Patient<P>, choice: Choice): boolean {
  const { machine, atlas } = patient;
  const { disk, clock } = machine;
  const number = (field: string, usual: number): number => {
    const value = choice[field] ?? usual;
    if (typeof value !== 'number' || !Number.isFinite(value)) throw invalid(choice, `${field} is no number`);
    return value;
  };
  const whileOff = (place: string, kind: string, run: () => void): boolean => {
    if (atlas !== null && !atlas.permits(machine.name)) return false;
    const ran = machine.alive;
    machine.crash();
    atlas?.record(machine.name, { place, kind });
    run();
    if (ran) machine.restartAfter(number('down', 0));
    return true;
  };
  switch (choice.kind) {
    case 'crash':
      return crash(machine, choice, number);
    case 'pause':
      machine.pause(number('ms', 0));
      return machine.alive;
    case 'slow':
      machine.slow(number('cost', 0));
      return true;
    case 'lose': {
      const places = BELONGINGS[String(choice.what)];
      if (places === undefined) throw invalid(choice, 'what is lost?');
      return places.map((place) => whileOff(place, 'lose', () => disk.lose(place))).some((done) => done);
    }
    case 'jump':
      clock.jump(number('ms', 0));
      return true;
    case 'drift':
      clock.runFast(number('by', 0));
      return true;
    case 'stall':
      disk.stall(number('ms', 0));
      return true;
    case 'slow-disk':
      disk.slowness = number('factor', 1);
      return true;
    case 'capacity':
      disk.capacity = choice.free === undefined ? Number.MAX_SAFE_INTEGER : disk.used + number('free', 0);
      return true;
    case 'fail-syncs':
      disk.failingSyncs = number('count', 1);
      return true;
    case 'backup':
      patient.backup = disk.backup();
      return true;
    case 'restore': {
      const { backup } = patient;
      return backup !== null && whileOff('', 'restore', () => disk.restore(backup));
    }
    case 'upgrade':
      machine.protocolVersion = number('version', 1);
      if (!machine.alive) return false;
      machine.crash({ power: false });
      machine.restartAfter(number('down', 0));
      return true;
    default:
      throw invalid(choice, 'a machine knows no such fault');
  }
}

function crash<P extends Program>(
  machine: Machine<P>,
  choice: Choice,
  number: (field: string, usual: number) => number,
): boolean {
  if (!machine.alive) return false;
  const power = choice.power !== false;
  const tear = tearOf(choice);
  const torn = tear === null ? {} : { tear };
  if (choice.at !== undefined) {
    const side = choice.side === 'after' ? 'after' : 'before';
    const down = choice.down === undefined ? null : number('down', 0);
    machine.crashAt(number('at', 1), { power, side, ...torn, ...(down === null ? {} : { down }) });
    return true;
  }
  machine.crash({ power, ...torn });
  if (choice.down !== undefined) machine.restartAfter(number('down', 0));
  return true;
}

function tearOf(choice: Choice): 'lose' | 'keep' | 'prefix' | 'sectors' | null {
  const { tear } = choice;
  if (tear === undefined) return null;
  if (tear === 'lose' || tear === 'keep' || tear === 'prefix' || tear === 'sectors') return tear;
  throw invalid(choice, `no tear "${tear}"`);
}

function invalid(choice: Choice, problem: string): QuorateError {
  return new QuorateError('config/invalid', `fault "${choice.kind}": ${problem}`);
}
