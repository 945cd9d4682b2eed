import type { PeerId } from '@quorate/kernel';
import { groups, majorities, oneWay, ring } from '../barrier.ts';
import type { Choice } from '../decisions.ts';
import { followLeader, swizzle } from '../disturbance.ts';
import { Stream } from '../random.ts';
import { numberIn } from './choice.ts';
import { messageKind } from './message-kind.ts';
import { farthest, farthestOf, leaderOf } from './prey.ts';
import type { Stage } from './stage.ts';

/** How often an adversary that looks before it strikes looks, in ms. */
const LOOK = 50;

/** Does to the network what a choice says. `false`: this is no fault of a network. */
export function strikeNetwork(stage: Stage, choice: Choice): boolean {
  const { cluster } = stage;
  const { network, members } = cluster;
  const ms = typeof choice.for === 'number' ? choice.for : 0;
  const peers = members.map(({ peer }) => peer);
  switch (choice.kind) {
    case 'partition': {
      const sides = String(choice.sides ?? '');
      const peersOf = (side: string): PeerId[] => peers.filter((_, index) => sides[index] === side);
      stage.last(network.raise(groups([peersOf('0'), peersOf('1')])), ms);
      return true;
    }
    case 'rings':
      stage.last(network.raise((choice.majorities === true ? majorities : ring)(peers)), ms);
      return true;
    case 'block':
    case 'clog': {
      const [from, to] = [peers[numberIn(choice, 'from')], peers[numberIn(choice, 'to')]];
      if (from === undefined || to === undefined) return true;
      stage.last(network.raise(oneWay(from, to, choice.kind === 'block' ? 'cut' : 'clogged')), ms);
      return true;
    }
    case 'swizzle':
      stage.last(swizzle(cluster, { nodes: peers, ms }, Stream.named(numberIn(choice, 'salt'), 'swizzle')), ms);
      return true;
    case 'cut':
      stage.last(followLeader(cluster, { leader: () => leaderOf(cluster), ms, every: LOOK }), ms);
      return true;
    case 'starve': {
      const how = 'clogged';
      stage.last(followLeader(cluster, { leader: () => farthestOf(cluster), ms, every: LOOK, how }), ms);
      return true;
    }
    case 'hold':
      hold(stage, choice);
      return true;
    default:
      return false;
  }
}

/** Keeps back all messages of one kind, of everybody or of one node, until the network has moved on or the time is over. */
function hold(stage: Stage, choice: Choice): void {
  const { cluster } = stage;
  const { world, network, members, checkers } = cluster;
  const [from, to] = [members[numberIn(choice, 'from')]?.peer, members[numberIn(choice, 'to')]?.peer];
  const lift = network.withhold(
    (sender, receiver, traffic, bytes) =>
      (from === undefined || from === sender) &&
      (to === undefined || to === receiver) &&
      messageKind(traffic, bytes) === choice.what,
  );
  const release = stage.last(lift, numberIn(choice, 'for'), true);
  const end = world.elapsed + numberIn(choice, 'for');
  const place = (): string => {
    if (choice.until === 'final') return String(checkers.height);
    const status = choice.until === 'view' ? farthest(cluster)?.status : undefined;
    return status === undefined ? '' : `${status.epoch}/${status.view}`;
  };
  const begun = place();
  const look = (): void => {
    if (place() !== begun) release();
    else if (world.elapsed < end) world.schedule(LOOK, 'fault/hold', look);
  };
  world.schedule(LOOK, 'fault/hold', look);
}
