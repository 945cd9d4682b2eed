import type { Millis } from '@quorate/kernel';
import type { Cluster } from '../cluster.ts';
import { numberIn } from './choice.ts';
import { strikeDisk } from './disk-faults.ts';
import { strikeMembership } from './membership-faults.ts';
import { strikeNetwork } from './network-faults.ts';
import { Operator } from './operator.ts';
import type { PlannedFault } from './plan.ts';
import type { Stage } from './stage.ts';

/** Carries out the planned faults of a run. */
export class Faults implements Stage {
  readonly cluster: Cluster;
  readonly operator: Operator;
  /** What ends the faults that last, and whether it does so in every run. */
  readonly #lasting = new Map<() => void, boolean>();
  #over = false;

  /** `frail`: members whose disks may be damaged, together with those that break the rules below a third of the weight. */
  constructor(cluster: Cluster, frail: readonly number[]) {
    this.cluster = cluster;
    this.operator = new Operator(cluster, frail);
  }

  /** Schedules every fault. */
  plan(faults: readonly PlannedFault[]): void {
    for (const fault of faults) {
      this.cluster.world.schedule(fault.at, `fault/${fault.family}`, () => {
        if (!this.#over) this.#strike(fault);
      });
    }
    this.operator.begin();
  }

  /** No fault begins any more, and whatever lasted ends everywhere or, when `everywhere` is false, mostly stays as it is. */
  end(everywhere: boolean): void {
    this.#over = true;
    this.operator.end();
    for (const [release, always] of [...this.#lasting]) if (everywhere || always) release();
  }

  last(release: () => void, ms: Millis, always = false): () => void {
    const once = (): void => {
      if (this.#lasting.delete(once)) release();
    };
    this.#lasting.set(once, always);
    this.cluster.world.schedule(ms, 'fault/over', () => {
      if (!this.#over) once();
    });
    return once;
  }

  #strike({ choice }: PlannedFault): void {
    if (!this.#strikeProcess(choice) && !strikeDisk(this, choice) && !strikeNetwork(this, choice)) {
      strikeMembership(this, choice);
    }
  }

  /** Crashes, pauses, and clocks that go wrong. `false`: this is none of them. */
  #strikeProcess(choice: PlannedFault['choice']): boolean {
    const { members } = this.cluster;
    const node = typeof choice.node === 'number' ? choice.node : -1;
    const machine = members[node]?.machine;
    const power = choice.power === true;
    switch (choice.kind) {
      case 'crash':
        this.operator.crash(node, power, numberIn(choice, 'down'));
        return true;
      case 'crash-all':
        for (const index of members.keys()) this.operator.crash(index, power, numberIn(choice, 'down'));
        return true;
      case 'crash-at':
        machine?.crashAt(Math.max(1, numberIn(choice, 'effect')), {
          power,
          side: choice.after === true ? 'after' : 'before',
          ...(typeof choice.of === 'string' ? { named: choice.of } : {}),
        });
        return true;
      case 'pause':
        machine?.pause(numberIn(choice, 'for'));
        return true;
      case 'jump':
        machine?.clock.jump(numberIn(choice, 'ms'));
        return true;
      case 'drift':
        machine?.clock.runFast(numberIn(choice, 'percent') / 100);
        return true;
      default:
        return false;
    }
  }
}
