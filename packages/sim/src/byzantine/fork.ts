import { type Transport, toHex } from '@quorate/kernel';
import { groups } from '../barrier.ts';
import { Accountability } from '../checkers/accountability.ts';
import { isThird, isTwoThirds, Membership } from '../checkers/sets.ts';
import type { Guise } from '../cluster/member.ts';
import { Cluster, codeOf } from '../cluster.ts';
import { Stream } from '../random.ts';
import { rawSigner } from './disguise.ts';
import { read } from './wire.ts';

/** What became of one attack by more than a third of the weight. */
export interface ForkOutcome {
  readonly seed: number;
  readonly weights: readonly number[];
  /** Members of the coalition. */
  readonly coalition: readonly number[];
  /** Height at which two honest replicas hold different final blocks, or null: the attack failed. */
  readonly forked: number | null;
  /** Why what was signed does not convict a third of the weight, or convicts somebody honest; null when it does. */
  readonly unaccounted: string | null;
  /** Weight that the signatures on the wires convict, and all weight. */
  readonly convicted: number;
  readonly total: number;
  /** What the honest replicas that met the other side said of it. */
  readonly reports: readonly ForkReport[];
  readonly hash: string;
}

/** How one honest replica stopped when it met the other side of the fork. */
export interface ForkReport {
  readonly by: string;
  readonly code: string;
  /** Keys that its error names. */
  readonly named: number;
  /** Members that it names though they are honest. */
  readonly honestNamed: readonly string[];
  /** Whether those whom it names weigh a third at least. */
  readonly enough: boolean;
}

interface Split {
  readonly coalition: readonly number[];
  readonly left: readonly number[];
  readonly right: readonly number[];
}

/** The lightest coalition that can fork these weights, and the two groups of honest validators that it needs. */
export function lightestCoalition(weights: readonly number[], stream: Stream): Split | null {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const weightOf = (indices: readonly number[]): number => indices.reduce((sum, at) => sum + (weights[at] ?? 0), 0);
  let best: Split[] = [];
  let least = Number.POSITIVE_INFINITY;
  // Each validator is in the coalition, on the left or on the right.
  for (let code = 0; code < 3 ** weights.length; code++) {
    const parts: [number[], number[], number[]] = [[], [], []];
    weights.forEach((_, index) => {
      parts[Math.floor(code / 3 ** index) % 3]?.push(index);
    });
    const [coalition, left, right] = parts;
    const weight = weightOf(coalition);
    if (left.length === 0 || right.length === 0 || weight > least) continue;
    if (![left, right].every((side) => isTwoThirds(weight + weightOf(side), total))) continue;
    if (weight < least) best = [];
    least = weight;
    best.push({ coalition, left, right });
  }
  return best.length === 0 ? null : stream.pick(best);
}

/** How long an attack goes on, in virtual ms, and how long the two sides may take to notice it. */
const ATTACK = 20_000;
const NOTICE = 15_000;

/**
 * The scripted over-fault attack: each member of the lightest coalition runs two honest replicas under its key, without a gate, each for
 * one half of the honest validators, which do not hear each other. Both halves decide. Then they meet.
 */
export async function forkSeed(seed: number, log?: (line: string) => void): Promise<ForkOutcome> {
  const stream = Stream.named(seed, 'fork');
  const size = stream.between(4, 7);
  const equal = stream.chance(0.5);
  const weights = Array.from({ length: size }, () => (equal ? 1 : stream.between(1, 3)));
  const split = lightestCoalition(weights, stream);
  if (split === null) throw new RangeError(`no coalition of ${weights.join()} leaves two honest sides`);
  const cluster = await Cluster.create({
    seed,
    weights,
    speculative: stream.chance(0.5),
    consensus: { delta: 150, epochLength: stream.pick([4, 10, 50]) },
    network: { link: { latency: stream.between(2, 20), jitter: stream.between(0, 10) } },
    ties: 'seeded',
    ...(log === undefined
      ? {}
      : { log: (node) => (level, message, fields) => log(`${node} ${level} ${message} ${JSON.stringify(fields)}`) }),
  });
  const memory = { mempoolBytes: 8 << 20, mempoolTransactions: 10_000, samples: 1024, counters: 200 };
  cluster.checkers.watchChain({ genesis: cluster.genesis, suite: cluster.suite, offeredOnly: true, memory });
  const accountability = listen(cluster);
  cluster.start();
  cluster.load(100);
  await cluster.world.runFor(stream.between(0, 30) * 50);
  const release = attack(cluster, split);
  const before = cluster.checkers.violations.length;
  const isFork = (violation: string): boolean => violation.startsWith('agreement');
  for (let time = 0; time < ATTACK; time += 100) {
    await cluster.world.runFor(100);
    if (cluster.checkers.violations.slice(before).some(isFork)) break;
  }
  await cluster.world.runFor(500);
  const violation = cluster.checkers.violations.find(isFork);
  const forked = violation === undefined ? null : Number(/height (\d+)/.exec(violation)?.[1] ?? 0);
  const honest = new Set([...split.left, ...split.right].map((index) => keyOf(cluster, index)));
  const reports = forked === null ? [] : await meet(cluster, split, release, honest);
  const epoch = forked === null ? 0 : Math.max(0, Math.ceil(forked / cluster.genesis.consensus.epochLength) - 1);
  const set = cluster.checkers.chain?.setOf(epoch) ?? new Membership(cluster.genesis.validators.members);
  return {
    seed,
    weights,
    coalition: split.coalition,
    forked,
    unaccounted: forked === null ? null : accountability.fault(epoch, honest),
    convicted: set.weightOfAll(accountability.guilty),
    total: set.total,
    reports,
    hash: cluster.world.hash,
  };
}

function keyOf(cluster: Cluster, index: number): string {
  const { secret } = cluster.member(index);
  return secret === null ? '' : toHex(secret.publicKey);
}

/** Hears everything on every wire. */
function listen(cluster: Cluster): Accountability {
  const { chainId, validators } = cluster.genesis;
  const first = new Membership(validators.members);
  const accountability = new Accountability({
    chainId,
    suite: cluster.suite,
    setOf: (epoch) => cluster.checkers.chain?.setOf(epoch) ?? first,
  });
  cluster.network.wire = (_from, _to, traffic, bytes) => {
    const spoken = traffic === 'votes' ? read(traffic, bytes) : null;
    if (spoken?.traffic === 'votes') accountability.hear(spoken.message);
    return bytes;
  };
  return accountability;
}

/** Splits the honest validators and doubles the others. Returns what lets the halves meet. */
function attack(cluster: Cluster, { coalition, left, right }: Split): () => void {
  const { genesis, network } = cluster;
  const peersOf = (indices: readonly number[]): string[] => indices.map((index) => cluster.member(index).peer);
  const release = network.raise(groups([peersOf(left), peersOf(right)]));
  const facing = (avoided: readonly number[]): Guise => {
    const strangers = peersOf([...avoided, ...coalition]);
    return (ports, secret) => {
      const accomplices = peersOf(coalition).filter((peer) => peer !== ports.transport.self);
      for (const peer of strangers)
        if (peer !== ports.transport.self) ports.transport.expel(peer, 'the other side', ATTACK * 10);
      // It would listen for ever for others of its kind: it is told that they are there.
      const transport: Transport = {
        ...bound(ports.transport),
        start: (events) =>
          ports.transport.start({
            message: (from, traffic, bytes) => events.message(from, traffic, bytes),
            peers: (connected) => events.peers([...new Set([...connected, ...accomplices])].sort()),
          }),
      };
      return { ...ports, transport, signer: rawSigner(genesis, secret) };
    };
  };
  for (const index of coalition) {
    const { machine } = cluster.member(index);
    machine.crash({ power: false });
    const twin = cluster.duplicate(index, { samePeer: true });
    cluster.guises.set(cluster.member(index), facing(right));
    cluster.guises.set(cluster.member(twin), facing(left));
    cluster.start(index, twin);
  }
  return release;
}

function bound(transport: Transport): Transport {
  return {
    self: transport.self,
    start: (events) => transport.start(events),
    send: (to, traffic, bytes) => transport.send(to, traffic, bytes),
    queued: (to, traffic) => transport.queued(to, traffic),
    expel: (peer, reason, banMs) => transport.expel(peer, reason, banMs),
    setMembers: (members) => transport.setMembers(members),
    stop: () => transport.stop(),
  };
}

/** The coalition leaves and the honest halves hear each other: what do they say? */
async function meet(
  cluster: Cluster,
  { left, right }: Split,
  release: () => void,
  honest: ReadonlySet<string>,
): Promise<ForkReport[]> {
  for (const member of cluster.guises.keys()) member.machine.crash({ power: false });
  release();
  const halves = [...left, ...right];
  const haltedOf = (index: number) => cluster.member(index).machine.program?.halted ?? null;
  for (let time = 0; time < NOTICE; time += 250) {
    await cluster.world.runFor(250);
    if (halves.every((index) => haltedOf(index) !== null)) break;
  }
  const members = new Membership(cluster.genesis.validators.members);
  const keys = members.members.map(({ publicKey }) => toHex(publicKey));
  return halves.flatMap((index) => {
    const error = haltedOf(index);
    if (error === null) return [];
    const named = keys.filter((key) => error.message.includes(key));
    return [
      {
        by: cluster.member(index).name,
        code: codeOf(error) ?? '',
        named: named.length,
        honestNamed: named.filter((key) => honest.has(key)),
        enough: isThird(members.weightOfAll(named), members.total),
      },
    ];
  });
}
