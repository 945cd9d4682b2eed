import { openGate } from '@quorate/crypto';
import {
  type Digest,
  type Genesis,
  type Height,
  isQuorateError,
  type SignatureSuite,
  type Signer,
} from '@quorate/kernel';
import { createReplica, type Log, type Replica, type ReplicaOptions } from '@quorate/replica';
import type { Checkers } from '../checkers/checkers.ts';
import { sha256 } from '../hash.ts';
import type { Boot } from '../machine.ts';
import { Register } from '../register.ts';
import type { World } from '../world.ts';
import type { ClusterOptions, Guise, Member, Running } from './member.ts';

/** What a replica of a cluster starts with. */
export interface Ground {
  readonly world: World;
  readonly genesis: Genesis;
  readonly suite: SignatureSuite;
  readonly checkers: Checkers;
  readonly options: ClusterOptions;
  readonly guises: ReadonlyMap<Member, Guise>;
  /** Checkpoints from which members without a past join. */
  readonly joins: ReadonlyMap<Member, NonNullable<ReplicaOptions['stateSync']>>;
}

/** Starts the replica of a member, with the checkers watching what it signs, commits and gives out. */
export async function bootReplica(ground: Ground, member: Member, boot: Boot): Promise<Running> {
  const { world, checkers, options, genesis } = ground;
  const { name } = member;
  const log: Log = options.log?.(name) ?? (() => {});
  const guise = ground.guises.get(member);
  const signer = await signerOf(ground, member, boot, log);
  const store = await boot.disk.openStore('application');
  const committed = (height: Height, _block: Digest, stateRoot: Digest): void => {
    if (guise === undefined) checkers.committed(name, height, stateRoot);
  };
  const application = new Register({ speculative: options.speculative ?? true }, { store, committed });
  const ports = boot.ports(guise === undefined ? checkers.watch(name, signer) : signer);
  const replica = createReplica(
    {
      genesis,
      retainBlocks: 0,
      mempool: { maxBytes: 8 << 20, maxTransactions: 10_000, maxPerSender: 1000 },
      snapshotInterval: 0,
      keepSnapshots: 0,
      stateSync: ground.joins.get(member) ?? null,
      protocolVersion: 1,
      ...options.replica,
      ...(boot.protocolVersion === null ? {} : { protocolVersion: boot.protocolVersion }),
    },
    {
      ports: guise === undefined || member.secret === null ? ports : guise(ports, member.secret),
      application,
      suite: ground.suite,
      hash: sha256,
      log,
    },
  );
  const running: Running = { replica, halted: null, stop: () => replica.stop() };
  void replica.halted.then((error) => {
    running.halted = error;
    world.note('halted', `${name} ${error.code}`);
  });
  await replica.start();
  const { disk } = member.machine;
  if (guise === undefined) checkers.restarted(name, disk.aside(() => replica.status()).executedHeight);
  follow(ground, member, replica);
  return running;
}

/** Watches every block that a replica gives out, from the first that it still has. */
function follow(ground: Ground, member: Member, replica: Replica): void {
  const { world, checkers, guises } = ground;
  const { name } = member;
  const from = member.machine.disk.aside(() => keptFrom(replica));
  const subscription = replica.follow(from, (block) => {
    const { header, digest } = block;
    if (!guises.has(member)) checkers.observe(name, block);
    world.note('finalized', `${name} ${header.height} ${digest}`);
  });
  subscription.ended
    .then((error) => {
      if (isQuorateError(error, 'subscription/pruned')) follow(ground, member, replica);
    })
    .catch((error: unknown) => {
      // It reads its store to begin anew, and what it reads may be damaged: the replica itself stops for that when it must.
      if (!isQuorateError(error)) throw error;
    });
}

async function signerOf({ genesis }: Ground, { secret }: Member, { disk }: Boot, log: Log): Promise<Signer> {
  if (secret === null) {
    return { publicKey: null, sign: async () => [], raiseFloor: async () => {}, issued: () => false };
  }
  return openGate({ chainId: genesis.chainId, secret, allowFresh: false }, { disk, log });
}

/** The least height whose body a replica still has. */
export function keptFrom(replica: Replica): Height {
  let from = replica.status().executedHeight + 1;
  while (from > 1 && replica.block(from - 1) !== null) from--;
  return from;
}
