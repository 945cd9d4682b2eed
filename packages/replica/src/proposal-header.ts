import { type Body, type BuildRequest, bodyRoots, type Hash, type Header, type Millis } from '@quorate/kernel';
import type { EpochState } from './epochs.ts';
import type { ExecutionFields } from './execution-outcomes.ts';

/** What a proposal carries besides what the engine asked for. */
export interface Filling {
  readonly state: EpochState;
  readonly fields: ExecutionFields;
  readonly body: Body;
  readonly time: Millis;
  readonly protocolVersion: number;
}

/** The header of the block that the engine asked for. */
export function proposalHeader(hash: Hash, build: BuildRequest, filling: Filling): Header {
  const { parent } = build;
  return {
    epoch: build.epoch,
    view: build.view,
    height: build.height,
    // The floor of an epoch is its view 0 (S11).
    parentView: parent.ref.epoch === build.epoch ? parent.ref.view : 0,
    parentDigest: parent.ref.digest,
    time: filling.time,
    ...bodyRoots(hash, filling.body),
    ...filling.fields,
    validatorsRoot: filling.state.validatorsRoot,
    justificationDigest: build.justificationDigest,
    protocolVersion: filling.protocolVersion,
  };
}
