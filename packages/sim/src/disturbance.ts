import type { Millis, PeerId } from '@quorate/kernel';
import { type Barrier, isolated, Sluices, type Way } from './barrier.ts';
import type { SimulatedNetwork } from './network.ts';
import type { Stream } from './random.ts';
import type { World } from './world.ts';

/** Where disturbances take place. */
export interface Scene {
  readonly world: World;
  readonly network: SimulatedNetwork;
}

/**
 * Swizzle-clogging, as FoundationDB names it: in the first half of `ms` the directions stop one by one, in the second they come
 * back in another order. `stream` draws which directions (each with probability `share`), when and in which order. The returned function ends it earlier.
 */
export function swizzle(
  { world, network }: Scene,
  options: {
    readonly nodes: readonly PeerId[];
    readonly ms: Millis;
    readonly share?: number;
    readonly how?: Barrier['how'];
  },
  stream: Stream,
): () => void {
  const { nodes, ms, share = 0.5, how = 'clogged' } = options;
  const directions = nodes.flatMap((from) =>
    nodes.flatMap((to) => (from !== to && stream.chance(share) ? [[from, to] as const] : [])),
  );
  if (directions.length === 0) return () => {};
  const sluices = new Sluices(how);
  const lift = network.raise(sluices);
  const step = ms / 2 / directions.length;
  const change = (at: Millis, run: () => void): void => {
    world.schedule(at, 'network/swizzle', () => {
      run();
      network.reconsider();
    });
  };
  stream.shuffled(directions).forEach(([from, to], index) => {
    change(step * (index + stream.fraction()), () => sluices.shut(from, to));
  });
  stream.shuffled(directions).forEach(([from, to], index) => {
    change(ms / 2 + step * (index + stream.fraction()), () => sluices.open(from, to));
  });
  world.schedule(ms, 'network/swizzle', lift);
  return lift;
}

/**
 * Cuts off whoever leads, for `ms`: `leader` names the node that leads the present view, or null, and is asked every `every` ms.
 * When the lead passes on, the cut follows. The returned function ends it earlier.
 */
export function followLeader(
  { world, network }: Scene,
  options: {
    readonly leader: () => PeerId | null;
    readonly ms: Millis;
    readonly every?: Millis;
    readonly way?: Way;
    readonly how?: Barrier['how'];
  },
): () => void {
  const { leader, ms, every = 50, way = 'both', how = 'cut' } = options;
  const end = world.elapsed + ms;
  let target: PeerId | null = null;
  let lift: (() => void) | null = null;
  let ended = false;
  const turn = (next: PeerId | null): void => {
    if (next === target) return;
    lift?.();
    lift = next === null ? null : network.raise(isolated([next], way, how));
    target = next;
  };
  const look = (): void => {
    if (ended) return;
    const over = world.elapsed >= end;
    turn(over ? null : leader());
    if (!over) world.schedule(Math.min(every, end - world.elapsed), 'network/follow', look);
  };
  look();
  return () => {
    ended = true;
    turn(null);
  };
}

/** Ends every barrier, but one direction after the other, in an order that `stream` draws, within `ms`. */
export function healGradually({ world, network }: Scene, ms: Millis, stream: Stream): void {
  const stopped = stream.shuffled(network.stopped());
  if (stopped.length === 0) return;
  const remains = { cut: new Sluices('cut'), clogged: new Sluices('clogged') };
  for (const [from, to, how] of stopped) remains[how].shut(from, to);
  network.heal();
  const lifts = [network.raise(remains.cut), network.raise(remains.clogged)];
  stopped.forEach(([from, to, how], index) => {
    world.schedule((ms * (index + 1)) / stopped.length, 'network/heal', () => {
      remains[how].open(from, to);
      network.reconsider();
      if (index === stopped.length - 1) for (const lift of lifts) lift();
    });
  });
}
