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
  readonly #senders: Sender[];
  readonly #addresses: Uint8Array[];
  readonly #client: Client;
  readonly #fees: FeePolicy;
  readonly #reasons = new Map<string, number>();
  readonly #latencies: number[] = [];
  #offered = 0;
  #failed = 0;
  #committed = 0;
  #pending = 0;
  #began = 0;
  #next = 0;
  #url = 0;

  constructor(plan: LoadPlan) {
    this.#plan = plan;
    const suite = createNativeSuites(['ed25519']).get('ed25519');
    this.#fees = { minimumFee: BigInt(plan.minimumFee), feePerByte: BigInt(plan.feePerByte) };
    this.#senders = plan.accounts.map(({ seed, nonce }) => ({
      key: suite.secretFromSeed(fromHex(seed)),
      nonce,
      inFlight: 0,
      resting: false,
    }));
    this.#addresses = this.#senders.map(({ key }) => addressOf(this.#hash, key.publicKey));
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
    if (this.#plan.scenario === 'transfer') {
      const txs: Uint8Array[] = [];
      const from: Sender[] = [];
      for (let i = 0; i < due; i++) {
        const sender = this.#sender();
        if (sender === null) {
          this.#fail(due - i, 'every sending account waits for its nonce', at);
          break;
        }
        const to = this.#addresses[this.#next % this.#addresses.length] ?? new Uint8Array(32);
        txs.push(this.#sign(sender, { kind: 'transfer', to, amount: 1n }));
        from.push(sender);
      }
      if (txs.length > 0)
        this.#post(
          txs,
          from,
          txs.map(() => 1),
          at,
        );
      return;
    }
    const perBatch = Math.max(1, Math.floor(BATCH_BYTES / (this.#plan.size + 4)));
    for (let left = due; left > 0; left -= perBatch) {
      const count = Math.min(left, perBatch);
      const sender = this.#sender();
      if (sender === null) {
        this.#fail(left, 'every sending account waits for its nonce', at);
        return;
      }
      const bytes = randomFillSync(new Uint8Array(count * this.#plan.size));
      const records = Array.from({ length: count }, (_, i) =>
        bytes.subarray(i * this.#plan.size, (i + 1) * this.#plan.size),
      );
      this.#post(
        [this.#sign(sender, { kind: 'records', namespace: 'load', batch: packRecords(records) })],
        [sender],
        [count],
        at,
      );
    }
  }

  #sign(sender: Sender, action: Parameters<typeof signNext>[3]['action']): Uint8Array {
    sender.inFlight += 1;
    return signNext(this.#hash, this.#fees, sender, { chainId: this.#plan.chainId, expiry: 0, action });
  }

  /** The next account in turn that is not resting. */
  #sender(): Sender | null {
    for (let tried = 0; tried < this.#senders.length; tried++) {
      const sender = this.#senders[this.#next++ % this.#senders.length];
      if (sender !== undefined && !sender.resting) return sender;
    }
    return null;
  }

  /** After a refusal every later nonce is refused too: the account goes on from what the chain expects. */
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

  /** An account always speaks to the same node: its nonces arrive in order. */
  #post(txs: readonly Uint8Array[], from: readonly Sender[], weights: readonly number[], at: number): void {
    const { urls } = this.#plan;
    const url = new URL(urls[this.#url++ % urls.length] ?? '');
    const body = packTransactions(txs);
    this.#pending += 1;
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const done = (answer: Answer | string): void => {
      this.#pending -= 1;
      for (const sender of from) sender.inFlight -= 1;
      const rested =
        typeof answer === 'string' ? from : from.filter((_sender, i) => answer.results[i]?.status !== 'final');
      for (const sender of rested) sender.resting = true;
      for (const sender of new Set(from)) if (sender.resting && sender.inFlight === 0) void this.#wake(sender);
      if (typeof answer === 'string') {
        this.#fail(total, answer, at);
        return;
      }
      const elapsed = performance.now() - this.#began;
      for (const [i, result] of answer.results.entries()) this.#settle(result, weights[i] ?? 1, at, elapsed);
    };
    const outgoing = request(
      {
        agent: this.#agent,
        host: url.hostname,
        port: url.port,
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
