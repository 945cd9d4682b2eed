import { randomFillSync } from 'node:crypto';
import { Agent, request } from 'node:http';
import { Client, packTransactions } from '@quorate/client';
import { fromHex } from '@quorate/kernel';
import { addressOf, formatAddress, packRecords } from '@quorate/ledger';
import { createNativeSuites, createNodeHash } from '@quorate/node';
import type { LoadPlan, LoadResult } from './plan.ts';
import { type FeePolicy, type Sender, signNext } from './senders.ts';

/** How often due transactions are sent together, ms. */
const TICK = 10;
/** How long after its end a run waits for receipts, ms. */
const PATIENCE = 15_000;
/** Connections of one process: below what a node grants one address. */
const MAX_SOCKETS = 60;
/** Records in one batch, of at most 64 KiB together. */
const BATCH_BYTES = 64_000;
/** What fell due while this process could not run is not sent as one large request. */
const TRANSFERS_PER_REQUEST = 256;
/** How often, and after what time in ms, a request is repeated that no answer came to. */
const ATTEMPTS = 20;
const RETRY_AFTER = 250;

/** A node, and the accounts that speak to it alone: their nonces arrive in order. */
interface Lane {
  readonly url: URL;
  readonly senders: readonly Sender[];
}

/** What one request offers; `weight` is what each transaction counts. */
interface Batch {
  readonly txs: readonly Uint8Array[];
  readonly from: readonly Sender[];
  readonly weight: number;
  /** When it fell due, ms since the start. */
  readonly at: number;
}

interface Answer {
  readonly results: readonly {
    readonly status: string;
    readonly reason?: string;
    readonly receipt?: { readonly code: number; readonly log: string };
  }[];
}

/** Open-loop load from one process: what is due is sent, whatever came back so far. */
class LoadProcess {
  readonly #plan: LoadPlan;
  readonly #hash = createNodeHash();
  readonly #agent = new Agent({ keepAlive: true, maxSockets: MAX_SOCKETS });
  readonly #lanes: readonly Lane[];
  readonly #addresses: Uint8Array[];
  readonly #client: Client;
  readonly #fees: FeePolicy;
  readonly #reasons = new Map<string, number>();
  readonly #latencies: number[] = [];
  #offered = 0;
  #failed = 0;
  #committed = 0;
  #final = 0;
  #pending = 0;
  #began = 0;
  #turn = 0;
  #lane = 0;

  constructor(plan: LoadPlan) {
    this.#plan = plan;
    const suite = createNativeSuites(['ed25519']).get('ed25519');
    this.#fees = { minimumFee: BigInt(plan.minimumFee), feePerByte: BigInt(plan.feePerByte) };
    const senders = plan.accounts.map(({ seed, nonce }) => ({
      key: suite.secretFromSeed(fromHex(seed)),
      nonce,
      inFlight: 0,
      resting: false,
    }));
    this.#addresses = senders.map(({ key }) => addressOf(this.#hash, key.publicKey));
    const urls = plan.urls.slice(0, senders.length);
    this.#lanes = urls.map((url, lane) => ({
      url: new URL(url),
      senders: senders.filter((_sender, i) => i % urls.length === lane),
    }));
    this.#client = new Client({ url: plan.urls[0] ?? '' });
  }

  async run(): Promise<LoadResult> {
    const { rate, warmup, duration } = this.#plan;
    this.#began = performance.now();
    let sent = 0;
    for (;;) {
      const elapsed = performance.now() - this.#began;
      if (elapsed >= warmup + duration) break;
      const due = Math.floor((elapsed * rate) / 1000) - sent;
      if (due > 0) {
        this.#send(due, elapsed);
        sent += due;
      }
      await new Promise((resolve) => setTimeout(resolve, TICK));
    }
    const deadline = performance.now() + PATIENCE;
    while (this.#pending > 0 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
    this.#agent.destroy();
    const { user, system } = process.cpuUsage();
    return {
      offered: this.#offered,
      committed: this.#committed,
      failed: this.#failed,
      final: this.#final,
      reasons: [...this.#reasons].sort((a, b) => b[1] - a[1]).slice(0, 10),
      latencies: this.#latencies,
      cpuSeconds: (user + system) / 1e6,
    };
  }

  #measured(elapsed: number): boolean {
    return elapsed >= this.#plan.warmup && elapsed < this.#plan.warmup + this.#plan.duration;
  }

  /** Sends `due` transactions or records that fell due by `at`. */
  #send(due: number, at: number): void {
    if (this.#measured(at)) this.#offered += due;
    if (this.#plan.scenario === 'transfer') this.#sendTransfers(due, at);
    else this.#sendRecords(due, at);
  }

  #sendRecords(due: number, at: number): void {
    const perBatch = Math.max(1, Math.floor(BATCH_BYTES / (this.#plan.size + 4)));
    for (let left = due; left > 0; left -= perBatch) {
      const count = Math.min(left, perBatch);
      const lane = this.#nextLane();
      const sender = this.#sender(lane);
      if (sender === null) {
        this.#fail(left, 'every sending account waits for its nonce', at);
        return;
      }
      const bytes = randomFillSync(new Uint8Array(count * this.#plan.size));
      const records = Array.from({ length: count }, (_, i) =>
        bytes.subarray(i * this.#plan.size, (i + 1) * this.#plan.size),
      );
      const tx = this.#sign(sender, { kind: 'records', namespace: 'load', batch: packRecords(records) });
      this.#post(lane, { txs: [tx], from: [sender], weight: count, at });
    }
  }

  #sendTransfers(due: number, at: number): void {
    for (let left = due; left > 0; left -= TRANSFERS_PER_REQUEST) {
      const lane = this.#nextLane();
      const txs: Uint8Array[] = [];
      const from: Sender[] = [];
      while (txs.length < Math.min(left, TRANSFERS_PER_REQUEST)) {
        const sender = this.#sender(lane);
        if (sender === null) {
          this.#fail(
            Math.min(left, TRANSFERS_PER_REQUEST) - txs.length,
            'every sending account waits for its nonce',
            at,
          );
          break;
        }
        const to = this.#addresses[this.#turn % this.#addresses.length] ?? new Uint8Array(32);
        txs.push(this.#sign(sender, { kind: 'transfer', to, amount: 1n }));
        from.push(sender);
      }
      if (txs.length > 0) this.#post(lane, { txs, from, weight: 1, at });
    }
  }

  #sign(sender: Sender, action: Parameters<typeof signNext>[3]['action']): Uint8Array {
    sender.inFlight += 1;
    return signNext(this.#hash, this.#fees, sender, { chainId: this.#plan.chainId, expiry: 0, action });
  }

  /** Nodes take turns. */
  #nextLane(): Lane {
    const lane = this.#lanes[this.#lane++ % this.#lanes.length];
    if (lane === undefined) throw new RangeError('a load process needs a node and an account');
    return lane;
  }

  /** The node's next account in turn that is not resting. */
  #sender({ senders }: Lane): Sender | null {
    for (let tried = 0; tried < senders.length; tried++) {
      const sender = senders[this.#turn++ % senders.length];
      if (sender !== undefined && !sender.resting) return sender;
    }
    return null;
  }

  /** After a refusal every later nonce waits behind it: the account goes on from what the chain expects. */
  async #wake(sender: Sender): Promise<void> {
    try {
      const { account } = await this.#client.account(
        formatAddress(this.#hash, addressOf(this.#hash, sender.key.publicKey)),
      );
      sender.nonce = account?.nonce ?? 0;
      sender.resting = false;
    } catch {
      setTimeout(() => void this.#wake(sender), 500);
    }
  }

  /** Offers the same bytes until the node answers for them: what it did not take would keep all later nonces waiting. */
  #post(lane: Lane, batch: Batch, attempt = 1): void {
    if (attempt === 1) this.#pending += 1;
    const { txs, from, weight, at } = batch;
    const done = (answer: Answer | string): void => {
      if (typeof answer === 'string' && attempt < ATTEMPTS) {
        setTimeout(() => this.#post(lane, batch, attempt + 1), RETRY_AFTER);
        return;
      }
      this.#pending -= 1;
      for (const sender of from) sender.inFlight -= 1;
      const rested =
        typeof answer === 'string' ? from : from.filter((_sender, i) => answer.results[i]?.status !== 'final');
      for (const sender of rested) sender.resting = true;
      for (const sender of new Set(from)) if (sender.resting && sender.inFlight === 0) void this.#wake(sender);
      if (typeof answer === 'string') {
        this.#fail(weight * txs.length, answer, at);
        return;
      }
      const elapsed = performance.now() - this.#began;
      for (const result of answer.results) this.#settle(result, weight, at, elapsed);
    };
    const body = packTransactions(txs);
    const outgoing = request(
      {
        agent: this.#agent,
        host: lane.url.hostname,
        port: lane.url.port,
        method: 'POST',
        path: '/tx?wait=final&timeoutMs=30000',
        headers: { 'content-type': 'application/octet-stream', 'content-length': body.length },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          try {
            const parsed: Answer = JSON.parse(Buffer.concat(chunks).toString());
            done(
              Array.isArray(parsed.results)
                ? parsed
                : `status ${response.statusCode}: ${JSON.stringify(parsed).slice(0, 160)}`,
            );
          } catch {
            done(`status ${response.statusCode} without JSON`);
          }
        });
        response.on('error', (error) => done(error.message));
      },
    );
    outgoing.on('error', (error) => done(error.message));
    outgoing.end(body);
  }

  #settle(result: Answer['results'][number], weight: number, at: number, elapsed: number): void {
    const isGood = result.status === 'final' && result.receipt?.code === 0;
    if (!isGood) this.#fail(weight, result.reason ?? result.receipt?.log ?? result.status, at);
    if (isGood && this.#measured(at)) this.#final += weight;
    if (!isGood || !this.#measured(elapsed)) return;
    this.#committed += weight;
    for (let k = 0; k < weight; k++) this.#latencies.push(elapsed - at);
  }

  #fail(weight: number, reason: string, at: number): void {
    if (this.#measured(at)) this.#failed += weight;
    const short = reason.replace(/[0-9a-f]{16,}/g, '…').slice(0, 120);
    if (this.#reasons.size < 1000 || this.#reasons.has(short))
      this.#reasons.set(short, (this.#reasons.get(short) ?? 0) + weight);
  }
}

process.once('message', (plan: LoadPlan) => {
  void new LoadProcess(plan).run().then((result) => process.send?.(result, () => process.disconnect()));
});
