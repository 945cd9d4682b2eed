import {
  type CheckedParams,
  fromBase64,
  type Method,
  openRpc,
  type Result,
  type SubmitParams,
  toBase64,
} from '@quorate/client';
import {
  decode,
  type Evidence,
  encode,
  evidenceCodec,
  type Genesis,
  type Hash,
  type Header,
  headerDigest,
  isQuorateError,
  QuorateError,
  validatorSetCodec,
} from '@quorate/kernel';
import { accountKey, decodeAccount, parseAddress } from '@quorate/ledger';
import { epochClaimCodec, type FinalityClaim, finalityClaimCodec, stateClaimCodec } from '@quorate/light';
import type { Replica } from '@quorate/replica';
import {
  blockJson,
  certificateJson,
  evidenceJson,
  genesisJson,
  statusJson,
  transactionJson,
  validatorSetJson,
} from './json.ts';
import type { Carriers } from './proofs.ts';
import type { Submitter } from './submitting.ts';

export interface HandlerParts {
  readonly replica: Replica;
  readonly genesis: Genesis;
  readonly hash: Hash;
  readonly carriers: Carriers;
  readonly submitter: Submitter;
}

/** Methods that are answered the same way over HTTP and WebSocket. The two that submit have their own reader of parameters. */
type Plain = Exclude<Method, 'subscribe' | 'unsubscribe' | 'submit' | 'submitBatch'>;
export type Handlers = {
  readonly [M in Plain]: (params: CheckedParams<M>) => Result<M> | Promise<Result<M>>;
} & {
  readonly [M in 'submit' | 'submitBatch']: (params: SubmitParams) => Promise<Result<M>>;
};

function missing(what: string): never {
  throw new QuorateError('rpc/not-found', `${what} is not known here: it is not final yet, or was pruned`);
}

function evidenceFrom(text: string): Evidence {
  try {
    return decode(evidenceCodec, fromBase64(text));
  } catch (error) {
    if (!isQuorateError(error)) throw error;
    throw new QuorateError('rpc/invalid', `parameters: evidence: ${error.message}`, { cause: error });
  }
}

function claimJson({ headers, certificate }: FinalityClaim): {
  headers: Header[];
  certificate: Result<'finality'>['certificate'];
} {
  return { headers: [...headers], certificate: certificateJson(certificate) };
}

/** What the methods of the contract do. */
export function createHandlers(options: { readonly version: string }, parts: HandlerParts): Handlers {
  const { replica, genesis, hash, carriers, submitter } = parts;
  const document = openRpc(options.version);
  const started = genesisJson(hash, genesis);

  return {
    submit: async (params) => {
      const [result] = await submitter.submit(params.txs, params);
      return result ?? missing('the transaction');
    },
    submitBatch: async (params) => ({ results: await submitter.submit(params.txs, params) }),
    transaction: ({ id }) => transactionJson(id, replica.transaction(id)),
    status: () => statusJson(replica.status()),
    block: ({ height }) => {
      const block = replica.block(height);
      return block === null ? missing(`block ${height}`) : blockJson(hash, block);
    },
    header: ({ height }) => {
      const header = replica.finalityProof(height)?.headers[0] ?? missing(`header ${height}`);
      return { header, digest: headerDigest(hash, genesis.chainId, header) };
    },
    finality: ({ height }) => {
      const proof = replica.finalityProof(height) ?? missing(`the finality of height ${height}`);
      return { claim: toBase64(encode(finalityClaimCodec, proof)), ...claimJson(proof) };
    },
    epoch: ({ epoch }) => {
      const found = replica.epochProof(epoch) ?? missing(`the end of epoch ${epoch}`);
      const claim = { epoch, proof: found.proof, next: found.next };
      const next = validatorSetJson(hash, epoch + 1, found.next);
      return { claim: toBase64(encode(epochClaimCodec, claim)), ...claimJson(found.proof), next };
    },
    validators: (params) => {
      const epoch = params.epoch ?? replica.status().epoch;
      const set = replica.validators(epoch) ?? missing(`the validator set of epoch ${epoch}`);
      return { ...validatorSetJson(hash, epoch, set), set: toBase64(encode(validatorSetCodec, set)) };
    },
    evidence: ({ limit }) => ({ evidence: replica.evidence(limit).map(evidenceJson) }),
    submitEvidence: async ({ evidence }) => {
      const result = await replica.submitEvidence(evidenceFrom(evidence));
      if (result.kind === 'rejected') return { status: 'rejected', reason: result.reason };
      return { status: 'accepted', offence: result.offence };
    },
    account: async ({ address }) => {
      if (genesis.application !== 'ledger') {
        throw new QuorateError(
          'application/unsupported',
          `this chain runs ${genesis.application}, which has no accounts that this node could read: use query`,
        );
      }
      const data = parseAddress(hash, address);
      const { code, log, height, value, proof } = await replica.query({
        path: 'account',
        data,
        height: 0,
        prove: true,
      });
      if (code !== 0) throw new QuorateError('application/failed', `the ledger refused: ${log}`);
      const key = accountKey(data);
      const held = value.length === 0 ? null : value;
      const claim = { height, key, value: held, proof, finality: await carriers.of(height) };
      const account = held === null ? null : decodeAccount(held);
      return {
        address,
        height,
        account: account === null ? null : { balance: account.balance.toString(), nonce: account.nonce },
        claim: toBase64(encode(stateClaimCodec, claim)),
      };
    },
    query: async ({ path, data, height, prove }) => {
      const result = await replica.query({ path, data: fromBase64(data), height, prove });
      const finality = prove && result.code === 0 ? encode(finalityClaimCodec, await carriers.of(result.height)) : null;
      return {
        code: result.code,
        log: result.log,
        height: result.height,
        value: toBase64(result.value),
        proof: toBase64(result.proof),
        finality: finality === null ? null : toBase64(finality),
      };
    },
    checkpoint: () => {
      const { height, digest, lastBlockTime } = replica.status();
      return { height, digest, time: lastBlockTime };
    },
    genesis: () => started,
    'rpc.discover': () => document,
  };
}
