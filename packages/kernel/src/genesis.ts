import { type Block, emptyRoot, type Header, MAX_BODY_BYTES } from './blocks.ts';
import { type Digest, type Hash, type Millis, toHex } from './bytes.ts';
import { bytes, type Codec, encode, struct, text, u32, u53, word } from './codec.ts';
import { QuorateError } from './errors.ts';
import type { SignatureSuite, SuiteName } from './suite.ts';
import { type Validator, type ValidatorSet, validatorSetCodec } from './validators.ts';

/** Parameters of consensus that all nodes of a chain share. Times in ms. */
export interface ConsensusParameters {
  /** Row of the table of mechanisms, e.g. `simplex`. */
  readonly mechanism: string;
  /** Δ: the assumed bound on delivering and judging a block of `maxBlockBytes`. */
  readonly delta: Millis;
  /** Cap of the back-off of timeouts; at least 60 s, since liveness is lost beyond it. */
  readonly maxTimeout: Millis;
  /** Heights per epoch. */
  readonly epochLength: number;
  readonly maxBlockBytes: number;
  /** Blocks for which evidence stays admissible, and headers and certificates are kept. */
  readonly evidenceWindow: number;
  /** First height at which protocol version 2 rules apply; 0 for never. The upgrade path that tests exercise. */
  readonly upgradeHeight: number;
}

/** What everybody must agree on before the first block. */
export interface Genesis {
  readonly chainId: string;
  readonly time: Millis;
  readonly suite: SuiteName;
  readonly consensus: ConsensusParameters;
  readonly validators: ValidatorSet;
  /** Name of the application and its own part, canonical JSON. */
  readonly application: string;
  readonly appState: Uint8Array;
}

const consensusCodec = struct<ConsensusParameters>({
  mechanism: text(64),
  delta: u32,
  maxTimeout: u32,
  epochLength: u53,
  maxBlockBytes: u32,
  evidenceWindow: u53,
  upgradeHeight: u53,
});

export const genesisCodec: Codec<Genesis> = struct<Genesis>({
  chainId: text(64),
  time: u53,
  suite: word<SuiteName>(['ed25519', 'bls12-381', 'simulated']),
  consensus: consensusCodec,
  validators: validatorSetCodec,
  application: text(64),
  appState: bytes(64 << 20),
});

/** What binds a chain together: handshakes, the floor of epoch 0 and every light client start from it. */
export function genesisDigest(hash: Hash, genesis: Genesis): Digest {
  return toHex(hash(encode(genesisCodec, genesis)));
}

/** Throws `genesis/invalid` with the field that is wrong. Proofs of possession are checked for every validator. */
export function checkGenesis(genesis: Genesis, suite: SignatureSuite): void {
  const refuse = (field: string, problem: string): never => {
    throw new QuorateError('genesis/invalid', `genesis: ${field} ${problem}`);
  };
  const { consensus } = genesis;
  if (!/^[a-z0-9][a-z0-9._-]{0,63}$/.test(genesis.chainId))
    refuse('chainId', 'must be 1 to 64 characters of a-z, 0-9, ".", "_", "-"');
  if (suite.name !== genesis.suite) refuse('suite', `is ${genesis.suite}, but ${suite.name} was given to check it`);
  if (consensus.delta < 1 || consensus.delta > 60_000) refuse('consensus.delta', 'must be 1 to 60000 ms');
  if (consensus.maxTimeout < 60_000)
    refuse('consensus.maxTimeout', 'must be at least 60000 ms: liveness is lost beyond the cap');
  if (consensus.epochLength < 2) refuse('consensus.epochLength', 'must be at least 2 heights');
  if (consensus.maxBlockBytes < 1024 || consensus.maxBlockBytes > MAX_BODY_BYTES) {
    refuse('consensus.maxBlockBytes', `must be 1024 to ${MAX_BODY_BYTES}`);
  }
  genesis.validators.members.forEach((member: Validator, index) => {
    if (!suite.isPublicKey(member.publicKey)) refuse(`validators[${index}].publicKey`, `is not a ${suite.name} key`);
    if (!suite.verifyPossession(member.publicKey, member.proof))
      refuse(`validators[${index}].proof`, 'does not prove possession of the key');
  });
}

/** Height 0: the finalized floor of epoch 0. Its digest is the genesis digest; its state root is the application's after `initChain`. */
export function genesisBlock(hash: Hash, genesis: Genesis, stateRoot: Digest): Block {
  const nothing = emptyRoot(hash);
  const name = genesisDigest(hash, genesis);
  const header: Header = {
    epoch: 0,
    view: 0,
    height: 0,
    parentView: 0,
    parentDigest: name,
    time: genesis.time,
    txRoot: nothing,
    evidenceRoot: nothing,
    executedHeight: 0,
    stateRoot,
    receiptsRoot: nothing,
    validatorsRoot: genesis.validators.root(hash),
    nextValidatorsRoot: null,
    justificationDigest: nothing,
    protocolVersion: 1,
  };
  return { header, ref: { epoch: 0, view: 0, digest: name } };
}

/** The epoch of a height: epochs hold `epochLength` heights, the first begins at height 1. */
export function epochOf(parameters: Pick<ConsensusParameters, 'epochLength'>, height: number): number {
  return Math.max(0, Math.floor((height - 1) / parameters.epochLength));
}

/** Last height of an epoch. */
export function lastHeightOf(parameters: Pick<ConsensusParameters, 'epochLength'>, epoch: number): number {
  return (epoch + 1) * parameters.epochLength;
}
