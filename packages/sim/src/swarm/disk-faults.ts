import type { Choice } from '../decisions.ts';
import { type DiskFaults, NO_FAULTS } from '../disk/faults.ts';
import { numberIn } from './choice.ts';
import { wipe } from './operator.ts';
import type { Stage } from './stage.ts';

/** Ms for which a machine is off while a bit of its disk inverts, and before a restart that a fault brings about. */
const SHORT = 100;

/** What damage leaves alone that is to show in the stores. */
const STORES_ALONE = [...NO_FAULTS.spare, 'journal/'];

/** Does to the disk of one machine what a choice says. `false`: this is no fault of a disk. */
export function strikeDisk(stage: Stage, choice: Choice): boolean {
  const node = typeof choice.node === 'number' ? choice.node : -1;
  const { operator } = stage;
  const disk = stage.cluster.members[node]?.machine.disk;
  if (disk === undefined) return false;
  switch (choice.kind) {
    case 'stall':
      disk.slowness = numberIn(choice, 'factor');
      stage.last(
        () => {
          disk.slowness = 1;
        },
        numberIn(choice, 'for'),
      );
      return true;
    case 'full':
      operator.mark(node, 'full');
      disk.capacity = disk.used + numberIn(choice, 'room');
      stage.last(
        () => {
          disk.capacity = Number.MAX_SAFE_INTEGER;
        },
        numberIn(choice, 'for'),
      );
      return true;
    case 'fsync':
      operator.mark(node, 'fail');
      disk.failingSyncs = numberIn(choice, 'count');
      return true;
    case 'flip':
      flip(stage, node, choice);
      return true;
    case 'rot':
      disk.faults = { ...disk.faults, spare: choice.stores === true ? STORES_ALONE : NO_FAULTS.spare };
      misbehave(stage, node, choice, 'flip');
      return true;
    case 'stale':
      misbehave(stage, node, choice, 'stale');
      return true;
    case 'misdirect':
      misbehave(stage, node, choice, choice.writes === true ? 'misdirectedWrite' : 'misdirectedRead');
      return true;
    case 'lose':
      lose(stage, node, choice);
      return true;
    default:
      return false;
  }
}

/** For some time a disk does wrong now and then: what it does are decisions of its own, and its guard keeps the account. */
function misbehave(stage: Stage, node: number, choice: Choice, what: keyof DiskFaults): void {
  const { disk } = stage.cluster.member(node).machine;
  disk.faults = { ...disk.faults, [what]: numberIn(choice, 'perMille') / 1000 };
  stage.last(
    () => {
      disk.faults = { ...disk.faults, [what]: 0 };
    },
    numberIn(choice, 'for'),
  );
  if (choice.restart === true) stage.operator.crash(node, false, SHORT);
}

/** A bit of a file inverts while the machine is off. */
function flip({ cluster, operator }: Stage, node: number, choice: Choice): void {
  const { machine } = cluster.member(node);
  machine.crash();
  operator.leaveOff(node, SHORT);
  const names = machine.disk.fileNames().filter((name) => !name.startsWith('gate/'));
  const name = names[numberIn(choice, 'file') % Math.max(1, names.length)];
  const size = name === undefined ? 0 : (machine.disk.peek(name)?.length ?? 0);
  if (name === undefined || size === 0) return;
  operator.damaged(node, { place: name, kind: 'flip' });
  const offset = Math.floor((numberIn(choice, 'place') * size) / 10_000) % size;
  machine.disk.flip(name, offset, numberIn(choice, 'bit') & 7);
}

/** The disk is gone, but for the gate: what an operator may bring back is never a gate. */
function lose({ cluster, operator }: Stage, node: number, choice: Choice): void {
  const { machine } = cluster.member(node);
  const journal = choice.what === 'journal';
  machine.crash();
  operator.damaged(node, { place: journal ? 'journal/' : '', kind: 'lose' });
  if (journal) machine.disk.lose('journal/');
  else wipe(machine);
  operator.leaveOff(node, numberIn(choice, 'down'));
}
