import { initialiseGate } from '@quorate/crypto';
import { type ConsensusParameters, type Genesis, type SignatureSuite, toHex, ValidatorSet } from '@quorate/kernel';
import { Incarnation } from '../incarnation.ts';
import { Machine } from '../machine.ts';
import { SimulatedNetwork } from '../network.ts';
import { simulatedSuite } from '../suite.ts';
import { World } from '../world.ts';
import type { ClusterOptions, Member, Running } from './member.ts';

const CONSENSUS: ConsensusParameters = {
  mechanism: 'simplex',
  delta: 200,
  maxTimeout: 60_000,
  epochLength: 50,
  maxBlockBytes: 1 << 20,
  evidenceWindow: 1000,
  upgradeHeight: 0,
};

/** A world with everything that a cluster consists of, and nothing running. */
export interface Foundation {
  readonly world: World;
  readonly network: SimulatedNetwork;
  readonly suite: SignatureSuite;
  readonly genesis: Genesis;
  readonly members: Member[];
}

/** Draws keys, writes the genesis, sets up the machines, and prepares the signing gates of those with a key. */
export async function found(options: ClusterOptions): Promise<Foundation> {
  const { seed, decisions, ties = 'fifo' } = options;
  const world = new World({ seed, ties, ...(decisions === undefined ? {} : { decisions }) });
  const network = new SimulatedNetwork(world, options.network);
  const suite = options.suite ?? simulatedSuite();
  const drafts = draftsOf(options, world, suite);
  const validators = new ValidatorSet(
    options.weights.flatMap((weight, index) => {
      const validator = drafts[index]?.validator;
      return validator === null || validator === undefined ? [] : [{ ...validator, weight }];
    }),
  );
  const genesis: Genesis = {
    chainId: options.chainId ?? 'simulated',
    time: world.start - 1000,
    suite: suite.name,
    consensus: { ...CONSENSUS, ...options.consensus },
    validators,
    application: 'register',
    appState: new TextEncoder().encode('{}'),
  };
  const members = drafts.map((one, index) => ({
    ...one,
    machine: new Machine<Running>(world, network, {
      name: one.name,
      peer: one.peer,
      ...(options.disk === undefined ? {} : { disk: options.disk }),
      ...(options.clock === undefined ? {} : { clock: options.clock(index) }),
    }),
  }));
  for (const { machine, secret } of members) {
    if (secret === null) continue;
    const disk = machine.disk.port(new Incarnation(world, 'setup'));
    await world.complete(initialiseGate({ chainId: genesis.chainId, secret }, { disk }));
  }
  return { world, network, suite, genesis, members };
}

/** Members without their machines: names and keys. */
function draftsOf(options: ClusterOptions, world: World, suite: SignatureSuite): Omit<Member, 'machine'>[] {
  const keys = world.stream('keys');
  const draft = (index: number, keyed: boolean) => {
    const secret = keyed ? suite.secretFromSeed(keys.bytes(32)) : null;
    const peer = toHex(keys.bytes(32));
    const validator =
      secret === null
        ? null
        : { publicKey: secret.publicKey, weight: 1, proof: secret.prove(), peer, address: `n${index}:1` };
    return { name: `n${index}`, peer, secret, validator };
  };
  const { weights, candidates = 0, observers = 0 } = options;
  const keyed = weights.length + candidates;
  return Array.from({ length: keyed + observers }, (_, index) => draft(index, index < keyed));
}
