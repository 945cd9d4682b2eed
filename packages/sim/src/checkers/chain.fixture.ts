import {
  type Certificate,
  certify,
  type Genesis,
  genesisDigest,
  type Header,
  headerDigest,
  type Receipt,
  type SecretKey,
  signedBytes,
  ValidatorSet,
  ZERO_DIGEST,
} from '@quorate/kernel';
import type { FinalizedBlock } from '@quorate/replica';
import { sha256 } from '../hash.ts';
import { registerTransaction } from '../register.ts';
import { simulatedSuite } from '../suite.ts';

const suite = simulatedSuite();
export const secrets: readonly SecretKey[] = [1, 2, 3, 4].map((byte) =>
  suite.secretFromSeed(new Uint8Array(32).fill(byte)),
);

const members = secrets.map(({ publicKey }, index) => {
  return { publicKey, weight: 1, proof: new Uint8Array(), peer: `${index}`.repeat(64), address: '' };
});

export const genesis: Genesis = {
  chainId: 'checked',
  time: 1000,
  suite: 'simulated',
  consensus: {
    mechanism: 'simplex',
    delta: 100,
    maxTimeout: 60_000,
    epochLength: 10,
    maxBlockBytes: 1 << 20,
    evidenceWindow: 100,
    upgradeHeight: 0,
  },
  validators: new ValidatorSet(members),
  application: 'register',
  appState: new Uint8Array(),
};

export const checkedSuite = suite;

/** A Finalization of a block by so many validators. */
export function finalization(header: Header, signers = 3): Certificate {
  const { epoch, view } = header;
  const statement = { kind: 'finalize', epoch, view, block: nameOf(header) } as const;
  const votes = secrets.slice(0, signers).map((secret) => {
    const signer = genesis.validators.indexOfKey(secret.publicKey) ?? 0;
    return { statement, signer, signature: secret.sign(signedBytes(genesis.chainId, statement)) };
  });
  return certify({ suite, validators: genesis.validators }, votes);
}

export function nameOf(header: Header): string {
  return headerDigest(sha256, genesis.chainId, header);
}

/** A finalized block on `parent`, right in every way unless told otherwise. */
export function blockOn(
  parent: FinalizedBlock | null,
  transactions: readonly Uint8Array[] = [],
  change: Partial<Header> = {},
): FinalizedBlock {
  const height = (parent?.header.height ?? 0) + 1;
  const header: Header = {
    epoch: 0,
    view: height,
    height,
    parentView: height - 1,
    parentDigest: parent?.digest ?? genesisDigest(sha256, genesis),
    time: 1000 + height,
    txRoot: ZERO_DIGEST,
    evidenceRoot: ZERO_DIGEST,
    executedHeight: height - 1,
    stateRoot: ZERO_DIGEST,
    receiptsRoot: ZERO_DIGEST,
    validatorsRoot: ZERO_DIGEST,
    nextValidatorsRoot: null,
    justificationDigest: ZERO_DIGEST,
    protocolVersion: 1,
    ...change,
  };
  return {
    header,
    digest: nameOf(header),
    body: { transactions, evidence: [] },
    receipts: transactions.map(() => receipt(0)),
    events: [],
    finality: { grade: 'final', certificate: finalization(header), certifiedHeight: height },
    finalizedAt: 0,
  };
}

export function receipt(code: number): Receipt {
  return { code, log: '', events: [], data: new Uint8Array() };
}

export function transaction(sender: string, nonce: number): Uint8Array {
  return registerTransaction({ sender, nonce, value: `${sender} ${nonce}` });
}
