import {
  type Block,
  type BuildRequest,
  blockOfHeader,
  type Certificate,
  type Engine,
  emptyRoot,
  type SignatureSuite,
  type SignerIndex,
} from '@quorate/kernel';
import { type Committee, inventedDigest, LIGHT_CHAIN, parametersOf } from './committee.ts';
import { quickHash } from './mixing.ts';
import type { LightProtocol, Schedule } from './protocol.ts';

const NOTHING = emptyRoot(quickHash);

/** The block that a replica would build: names of transactions that nobody made up; `number` tells blocks of one node and view apart. */
export function blockFor(
  build: BuildRequest,
  { nowMs, place, number, isOnGenesis }: { nowMs: number; place: number; number: number; isOnGenesis: boolean },
): Block {
  const parent = build.parent.header;
  const content = inventedDigest(build.view, place, number);
  const isEmpty = build.content === 'empty';
  return blockOfHeader(quickHash, LIGHT_CHAIN, {
    epoch: build.epoch,
    view: build.view,
    height: build.height,
    parentView: isOnGenesis ? 0 : build.parent.ref.view,
    parentDigest: build.parent.ref.digest,
    time: Math.max(nowMs, parent.time + 1),
    txRoot: isEmpty ? NOTHING : content,
    evidenceRoot: NOTHING,
    executedHeight: isEmpty ? parent.executedHeight : build.height - 1,
    stateRoot: parent.stateRoot,
    receiptsRoot: parent.receiptsRoot,
    validatorsRoot: parent.validatorsRoot,
    nextValidatorsRoot: build.lastOfEpoch ? content : null,
    justificationDigest: build.justificationDigest,
    protocolVersion: parent.protocolVersion,
  });
}

/** An engine of a committee: at genesis or, in a later life, at its durable floor. */
export function engineFor(
  mechanism: LightProtocol<unknown, unknown>['mechanism'],
  parts: {
    readonly committee: Committee;
    readonly suite: SignatureSuite;
    readonly delta: number;
    readonly schedule: Schedule | null;
    readonly lastHeight: number | undefined;
  },
  own: { readonly signer: SignerIndex; readonly floor: Block; readonly floorCertificate: Certificate | null },
): Engine<unknown, unknown> {
  const { validators, genesis } = parts.committee;
  return mechanism.createEngine({
    chainId: LIGHT_CHAIN,
    hash: quickHash,
    parameters: parametersOf(mechanism.name, parts.delta, parts.lastHeight ?? 2 ** 40),
    epoch: 0,
    validators,
    self: own.signer,
    epochStart: genesis.ref.digest,
    suite: parts.suite,
    floor: own.floor,
    floorCertificate: own.floorCertificate,
    speculative: true,
    ...(parts.schedule === null ? {} : { leaders: parts.schedule }),
  });
}
