import { setTimeout as pause } from 'node:timers/promises';
import { accountAddress, generateAccountKey, Sender, type TransactionBuilder } from '@quorate/client';
import { sha256 } from '@quorate/crypto';
import { type Digest, type SecretKey, toHex } from '@quorate/kernel';
import { parseAddress } from '@quorate/ledger';
import type { Network } from './network.ts';
import { type NodeProcess, until } from './process.ts';

/** A payment that some node said is final. */
export interface Acknowledged {
  readonly id: Digest;
  readonly height: number;
  readonly index: number;
}

interface Payer {
  readonly builder: TransactionBuilder;
  readonly receiver: string;
  /** What the receiver must have, by acknowledgements. */
  paid: bigint;
  /** Payments that were acknowledged. */
  count: number;
  /** The last one, when nobody has said yet what became of it. */
  doubtful: bigint;
}

/** How long a node may take to say that a payment is final before another one is asked. */
const WAIT_MS = 3000;

/** Clients that pay without pause through whatever node answers, and remember every acknowledgement. */
export class Payments {
  readonly acknowledged: Acknowledged[] = [];
  readonly payers: readonly Payer[];
  readonly #network: Network;
  readonly #loops: Promise<void>[] = [];
  #stopped = false;
  #nodes: () => readonly NodeProcess[];

  private constructor(network: Network, payers: readonly Payer[]) {
    this.#network = network;
    this.payers = payers;
    this.#nodes = () => network.running;
  }

  /** Funds the payers from the faucet. The network must run. */
  static async open(network: Network, count = 3): Promise<Payments> {
    const { faucet } = network;
    if (faucet === null) throw new Error('the network has no faucet');
    const keys: SecretKey[] = Array.from({ length: count }, () => generateAccountKey());
    const funds = keys.map(({ publicKey }) => ({
      to: parseAddress(sha256, accountAddress(publicKey)),
      amount: 1_000_000_000n,
    }));
    const funded = await until('the payers to be funded', async () => {
      const [node] = network.running;
      if (node === undefined) return null;
      try {
        const sender = await Sender.open({}, { client: node.client, key: faucet });
        return await sender.send({ kind: 'multiTransfer', payments: funds }, { wait: 'final', waitMs: 20_000 });
      } catch {
        return null;
      }
    });
    if (funded.status !== 'final') throw new Error(`the payers were not funded: ${JSON.stringify(funded)}`);
    const [node] = network.running;
    if (node === undefined) throw new Error('no node runs');
    const payers = await Promise.all(
      keys.map(async (key): Promise<Payer> => {
        const { builder } = await Sender.open({}, { client: node.client, key });
        return { builder, receiver: accountAddress(generateAccountKey().publicKey), paid: 0n, count: 0, doubtful: 0n };
      }),
    );
    return new Payments(network, payers);
  }

  /** Pays until {@link stop}, through the nodes that `through` names at that moment. */
  start(through: () => readonly NodeProcess[] = () => this.#network.running): void {
    this.#stopped = false;
    this.#nodes = through;
    for (const [index, payer] of this.payers.entries()) this.#loops.push(this.#pay(payer, index));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#loops.splice(0));
  }

  /** Waits for so many more acknowledgements. */
  async more(count: number, patience = 60_000): Promise<void> {
    const wanted = this.acknowledged.length + count;
    await until(`${count} more payments`, () => this.acknowledged.length >= wanted, patience);
  }

  /** Waits until every payer has had so many more acknowledged: none may be told for ever that its nonce is used. */
  async moreOfEach(count: number, patience = 60_000): Promise<void> {
    const wanted = this.payers.map((payer) => payer.count + count);
    const what = `${count} more payments of each payer`;
    await until(what, () => this.payers.every((payer, i) => payer.count >= (wanted[i] ?? 0)), patience);
  }

  async #pay(payer: Payer, turn: number): Promise<void> {
    for (let round = turn; !this.#stopped; round++) {
      const amount = BigInt(1 + (round % 97));
      const tx = payer.builder.transfer(payer.receiver, amount);
      payer.doubtful = amount;
      const settled = await this.#settle(tx, round);
      if (settled === null) return;
      this.acknowledged.push(settled);
      payer.paid += amount;
      payer.count += 1;
      payer.doubtful = 0n;
    }
  }

  /** Offers the same bytes to one node after the other until one says that they are final. */
  async #settle(tx: Uint8Array, turn: number): Promise<Acknowledged | null> {
    const id = toHex(sha256(tx));
    for (let attempt = turn; !this.#stopped; attempt++) {
      const nodes = this.#nodes();
      const node = nodes[attempt % Math.max(1, nodes.length)];
      // Killed, starting, cut off: the next one is asked.
      const answer = await node?.client.submit(tx, { wait: 'final', waitMs: WAIT_MS }).catch(() => undefined);
      if (answer?.status === 'final') {
        if (answer.receipt.code !== 0) throw new Error(`a payment failed: ${answer.receipt.log}`);
        return { id, height: answer.height, index: answer.index };
      }
      await pause(50);
    }
    return null;
  }
}
