import { sha256 } from '@quorate/crypto';
import { QuorateError } from '@quorate/kernel';
import {
  type AccountKey,
  type Action,
  decodeAccount,
  decodeParameters,
  packRecords,
  parseAddress,
  signTransaction,
  transactionBytes,
} from '@quorate/ledger';
import { fromBase64, toBase64 } from './base64.ts';
import type { Client, SubmitCallOptions } from './client.ts';
import type { SubmissionJson } from './contract.ts';
import { accountAddress } from './keys.ts';

export interface SenderOptions {
  readonly chainId: string;
  readonly minimumFee: bigint;
  readonly feePerByte: bigint;
  /** The nonce of the first transaction. */
  readonly nonce: number;
  /** Last height at which each transaction may be included; 0 for no limit. */
  readonly expiry?: number;
}

/** Builds and signs the transactions of one account, one nonce after the other. It makes bytes and sends nothing. */
export class TransactionBuilder {
  readonly address: string;
  /** Last height at which the next transactions may be included; 0 for no limit. */
  expiry: number;
  readonly #options: SenderOptions;
  readonly #key: AccountKey;
  #nonce: number;

  constructor(options: SenderOptions, parts: { readonly key: AccountKey }) {
    this.#options = options;
    this.#key = parts.key;
    this.#nonce = options.nonce;
    this.expiry = options.expiry ?? 0;
    this.address = accountAddress(parts.key.publicKey);
  }

  /** The nonce of the next transaction. */
  get nonce(): number {
    return this.#nonce;
  }

  /** Starts again from the nonce that the chain expects: after a transaction was refused, all later ones are too. */
  resume(nonce: number): void {
    this.#nonce = nonce;
  }

  /** A signed transaction that pays the least fee. Throws `transaction/invalid`. */
  build(action: Action): Uint8Array {
    const { chainId, minimumFee, feePerByte } = this.#options;
    const draft = { chainId, nonce: this.#nonce, fee: 0n, expiry: this.expiry, action };
    const size = transactionBytes({ ...draft, publicKey: this.#key.publicKey });
    const tx = signTransaction(sha256, this.#key, { ...draft, fee: minimumFee + feePerByte * BigInt(size) });
    this.#nonce++;
    return tx;
  }

  transfer(to: string, amount: bigint): Uint8Array {
    return this.build({ kind: 'transfer', to: parseAddress(sha256, to), amount });
  }

  multiTransfer(payments: readonly { readonly to: string; readonly amount: bigint }[]): Uint8Array {
    const parsed = payments.map(({ to, amount }) => ({ to: parseAddress(sha256, to), amount }));
    return this.build({ kind: 'multiTransfer', payments: parsed });
  }

  record(namespace: string, data: Uint8Array): Uint8Array {
    return this.build({ kind: 'record', namespace, data });
  }

  /** Many records under one signature. */
  records(namespace: string, records: readonly Uint8Array[]): Uint8Array {
    return this.build({ kind: 'records', namespace, batch: packRecords(records) });
  }
}

/** An account that sends through a node, one transaction at a time or many at once, and keeps its nonce right. */
export class Sender {
  readonly builder: TransactionBuilder;
  readonly #client: Client;

  private constructor(builder: TransactionBuilder, client: Client) {
    this.builder = builder;
    this.#client = client;
  }

  /** Asks the node for chain id, fees and nonce. Throws as {@link Client.call}. */
  static async open(
    options: { readonly expiry?: number },
    parts: { readonly client: Client; readonly key: AccountKey },
  ): Promise<Sender> {
    const { client, key } = parts;
    const address = accountAddress(key.publicKey);
    const [{ chainId }, parameters, nonce] = await Promise.all([
      client.status(),
      client.query({ path: 'parameters' }),
      nonceOf(client, address),
    ]);
    const { minimumFee, feePerByte } = decodeParameters(fromBase64(parameters.value));
    const builder = new TransactionBuilder({ chainId, minimumFee, feePerByte, nonce, ...options }, { key });
    return new Sender(builder, client);
  }

  get address(): string {
    return this.builder.address;
  }

  /** Signs and submits one action; waits until it is final unless told otherwise. */
  async send(action: Action, options: SubmitCallOptions = { wait: 'final' }): Promise<SubmissionJson> {
    const [result] = await this.sendAll([action], options);
    if (result === undefined) throw new QuorateError('rpc/failed', 'the node did not answer for the transaction');
    return result;
  }

  /** Signs and submits actions in order. When one is refused, the nonce returns to what the chain expects. */
  async sendAll(actions: readonly Action[], options: SubmitCallOptions = { wait: 'final' }): Promise<SubmissionJson[]> {
    const txs = actions.map((action) => this.builder.build(action));
    const results = await this.#client.submitBatch(txs, options);
    if (results.some(({ status }) => status === 'rejected' || status === 'expired')) await this.resynchronise();
    return results;
  }

  /** Takes the nonce from the chain. */
  async resynchronise(): Promise<void> {
    this.builder.resume(await nonceOf(this.#client, this.address));
  }
}

/** From the committed state as the node has it: a proof would have to wait for the next block. */
async function nonceOf(client: Client, address: string): Promise<number> {
  const { value } = await client.query({ path: 'account', data: toBase64(parseAddress(sha256, address)) });
  return value === '' ? 0 : decodeAccount(fromBase64(value)).nonce;
}
