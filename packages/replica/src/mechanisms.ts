import { type Genesis, lastHeightOf, QuorateError } from '@quorate/kernel';
import {
  LeaderSchedule,
  Simplex,
  type SimplexMessage,
  type SimplexRecord,
  simplexMessageCodec,
  simplexRecordCodec,
} from '@quorate/simplex';
import type { Replica, ReplicaOptions, ReplicaParts } from './api.ts';
import type { Mechanism } from './mechanism.ts';
import { RunningReplica } from './running-replica.ts';

/** Views whose leaders are remembered; older ones are computed again from the epoch's start. */
const REMEMBERED_VIEWS = 65_536;

/** Simplex as a mechanism: what a replica of it, or a simulation of its engines alone, is made with. */
export const simplexMechanism: Mechanism<SimplexMessage, SimplexRecord> = {
  name: 'simplex',
  messageCodec: simplexMessageCodec,
  recordCodec: simplexRecordCodec,
  createEngine: ({ parameters, epoch, floor, hash, suite, ...context }) =>
    new Simplex(
      {
        ...context,
        epoch,
        floor,
        floorView: floor.ref.epoch === epoch ? floor.ref.view : 0,
        lastHeight: lastHeightOf(parameters, epoch),
        timing: { delta: parameters.delta, maxTimeout: parameters.maxTimeout },
      },
      { hash, suite },
    ),
  certificateMessage: (certificate) => ({ kind: 'certificate', certificate }),
  votedRecord: (statement) => ({ kind: 'voted', statement }),
  signedIn: (message) => {
    switch (message.kind) {
      case 'vote':
        return { votes: [message.vote], certificates: [] };
      case 'certificate':
        return { votes: [], certificates: [message.certificate] };
      case 'proposal':
      case 'justification':
        return { votes: [], certificates: 'justification' in message ? message.justification : message.certificates };
      default:
        return { votes: [], certificates: [] };
    }
  },
  leaders: ({ validators, epochStart, hash }) => {
    let schedule = new LeaderSchedule(validators, epochStart, hash);
    let first = 1;
    return (view) => {
      const asked = Math.max(1, view);
      if (asked < first) {
        schedule = new LeaderSchedule(validators, epochStart, hash);
        first = 1;
      }
      const leader = schedule.at(asked);
      if (asked >= first + 2 * REMEMBERED_VIEWS) {
        first = asked - REMEMBERED_VIEWS;
        schedule.forget(first - 1);
      }
      return leader;
    };
  },
};

/** The one table of mechanisms: a name, and what makes a replica that runs it. */
const MECHANISMS: Readonly<Record<string, (options: ReplicaOptions, parts: ReplicaParts) => Replica>> = {
  simplex: (options, parts) => new RunningReplica(simplexMechanism, options, parts),
};

/** Names of the mechanisms that this software runs. */
export const mechanismNames: readonly string[] = Object.keys(MECHANISMS);

/** A replica that runs the mechanism which genesis names. Throws `genesis/invalid` when this software does not know it. */
export function replicaFor(genesis: Genesis): (options: ReplicaOptions, parts: ReplicaParts) => Replica {
  const { mechanism } = genesis.consensus;
  const make = Object.hasOwn(MECHANISMS, mechanism) ? MECHANISMS[mechanism] : undefined;
  if (make !== undefined) return make;
  throw new QuorateError(
    'genesis/invalid',
    `genesis: consensus.mechanism is ${mechanism}, this software runs ${mechanismNames.join(', ')}`,
  );
}
