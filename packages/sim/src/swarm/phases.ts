import type { TransactionStatus } from '@quorate/replica';
import { Temperature } from '../checkers/temperature.ts';
import { answerOf } from '../cluster/member.ts';
import type { Cluster } from '../cluster.ts';
import { healGradually } from '../disturbance.ts';
import type { LinkOptions } from '../link.ts';
import { type Configuration, LEAST_HEIGHTS } from './configuration.ts';
import type { Faults } from './faults.ts';
import { coreOf, isQuorate, type Progress, promiseOf } from './liveness.ts';

/** Between two looks at a running network, in virtual ms. */
export const LOOK = 100;

/** Time within which the directions of a network come back one by one, in virtual ms. */
const HEALING = 1000;

/** A run under way. */
export interface Run {
  readonly cluster: Cluster;
  readonly configuration: Configuration;
  readonly faults: Faults;
  readonly views: Views;
}

/** The liveness phase. Returns why the core made no progress, or null. */
export async function heal({ cluster, configuration, faults, views }: Run): Promise<string | null> {
  const { world, network, checkers, members } = cluster;
  const core = coreOf(cluster, faults.operator.maimed);
  const rest = members.flatMap((_, index) => (core.includes(index) ? [] : [index]));
  const abandoned = rest.length > 0 && world.stream('core/abandoned').chance(0.5);
  if (!abandoned && world.stream('core/gradual').chance(0.5)) {
    healGradually(cluster, HEALING, world.stream('core/healing'));
  }
  faults.end(!abandoned);
  const calm: Partial<LinkOptions> = { loss: 0, corrupt: 0, duplicate: 0, replay: 0, spike: 0, overtake: 0 };
  if (!abandoned) network.setLinks(calm);
  const peers = core.map((index) => cluster.member(index).peer);
  for (const from of peers) for (const to of peers) if (from !== to) network.setLink(from, to, calm);
  network.stabilise({ at: world.elapsed, delta: configuration.delta, among: peers });
  for (const index of abandoned ? core : members.keys()) faults.operator.heal(index);
  if (!isQuorate(cluster, core)) return null;
  const promise = promiseOf(cluster, configuration, core);
  const stall = (await keeps(promise, { cluster, views })) ?? (await includes(promise, { cluster, views }));
  if (stall !== null) return stall;
  // Heights that the run lacks come quickly now.
  for (let left = 150; left > 0 && checkers.height < LEAST_HEIGHTS + 1; left--) {
    await world.runFor(LOOK);
    look({ cluster, views });
  }
  return null;
}

/** Waits for what a core promised. Returns how it broke the promise, or null. */
export async function keeps(
  { core, target, within, heat }: Omit<Progress, 'inclusion'>,
  run: Pick<Run, 'cluster' | 'views'>,
): Promise<string | null> {
  const { cluster, views } = run;
  const temperature = new Temperature(heat);
  const deadline = cluster.world.elapsed + within;
  while (cluster.world.elapsed < deadline) {
    if (core.every((index) => cluster.heightOf(index) >= target)) return null;
    await cluster.world.runFor(LOOK);
    look(run);
    const hot = temperature.measure(cluster.checkers.height, views.most);
    if (hot !== null) return `livelock: ${hot} views without a final block at height ${cluster.checkers.height}`;
  }
  const heights = core.map((index) => `${cluster.member(index).name} ${cluster.heightOf(index)}`).join(', ');
  return `no progress to height ${target} within ${Math.round(within)} ms: ${heights}`;
}

/** Higher than that of any load: what asks whether anything is included must not wait behind a full mempool. */
const URGENT = 1_000_000;

/**
 * Submits a transaction at every member of a core that makes progress and waits until each is final there: a chain that grows and
 * takes nothing in is of no use. Returns what was not included in time, or null.
 */
export async function includes(
  { core, inclusion }: Pick<Progress, 'core' | 'inclusion'>,
  run: Pick<Run, 'cluster' | 'views'>,
): Promise<string | null> {
  const { cluster } = run;
  const { world } = cluster;
  const waiting = new Map(
    core.map((index) => {
      const { name } = cluster.member(index);
      return [index, cluster.submit(index, `healed ${name} ${Math.round(world.elapsed)}`, { priority: URGENT })];
    }),
  );
  const deadline = world.elapsed + inclusion;
  for (;;) {
    const missing: string[] = [];
    for (const [index, id] of waiting) {
      const member = cluster.member(index);
      const status = id === null ? null : answerOf(member, (replica) => replica.transaction(id));
      if (status?.kind === 'final') waiting.delete(index);
      else missing.push(`${member.name} says ${status === null ? 'nothing' : wordsOf(status)}`);
    }
    if (missing.length === 0) return null;
    if (world.elapsed >= deadline) {
      return `not included within ${Math.round(inclusion)} ms of its submission at a healed member: ${missing.join(', ')}`;
    }
    await world.runFor(LOOK);
    look(run);
  }
}

function wordsOf(status: TransactionStatus): string {
  return status.kind === 'rejected' || status.kind === 'expired' ? `${status.kind}, ${status.reason}` : status.kind;
}

/** What is looked at now and then. */
export function look({ cluster, views }: Pick<Run, 'cluster' | 'views'>): void {
  views.measure();
  cluster.members.forEach((member, index) => {
    const status = cluster.statusOf(index);
    if (status !== null && !cluster.guises.has(member)) cluster.checkers.status(member.name, status);
  });
}

/** Views entered so far by the busiest node, over all epochs. */
export class Views {
  readonly #cluster: Cluster;
  #epoch = 0;
  #view = 0;
  #before = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  get most(): number {
    return this.#before + this.#view;
  }

  measure(): void {
    for (const [index, member] of this.#cluster.members.entries()) {
      const status = this.#cluster.statusOf(index);
      if (status === null || this.#cluster.guises.has(member)) continue;
      if (status.epoch > this.#epoch) {
        this.#before += this.#view;
        this.#epoch = status.epoch;
        this.#view = 0;
      }
      if (status.epoch === this.#epoch) this.#view = Math.max(this.#view, status.view);
    }
  }
}
