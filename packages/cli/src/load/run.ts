import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { accountAddress, type Client, fromBase64, Sender } from '@quorate/client';
import { createEd25519Suite, sha256 } from '@quorate/crypto';
import { fromHex, QuorateError, type SecretKey, toHex } from '@quorate/kernel';
import { decodeParameters, parseAddress } from '@quorate/ledger';
import { quantile } from '../devnet/view.ts';
import type { LoadPlan, LoadResult, LoadScenario } from './plan.ts';

const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url));

export interface LoadOptions {
  readonly scenario: LoadScenario;
  readonly urls: readonly string[];
  /** Transactions or records per second in all. */
  readonly rate: number;
  readonly size: number;
  readonly warmupSeconds: number;
  readonly seconds: number;
  readonly processes: number;
  /** Sending accounts in all; each has its own order of nonces. */
  readonly accounts: number;
}

export interface LoadParts {
  readonly client: Client;
  readonly faucet: SecretKey;
  /** Called when the measured time begins and when it ends. */
  readonly onMeasure?: (phase: 'begin' | 'end') => Promise<void>;
}

export interface LoadSummary {
  readonly scenario: LoadScenario;
  readonly offeredTps: number;
  readonly committedTps: number;
  /** offered = final + failed + pending: what became of all that was offered in the measured time, by the end of the run. */
  readonly offered: number;
  readonly final: number;
  readonly failed: number;
  readonly pending: number;
  readonly reasons: readonly (readonly [reason: string, count: number])[];
  readonly latencyMs: { readonly p50: number | null; readonly p90: number | null; readonly p99: number | null };
  readonly clientCpuSeconds: number;
}

const PAYMENTS_PER_TRANSACTION = 200;
/** What each sending account gets from the faucet, enough for hours. */
const FUNDS = 10n ** 13n;

/** Makes and funds the sending accounts from the faucet. Throws `transaction/invalid` when the faucet cannot pay. */
async function fundAccounts(client: Client, faucet: SecretKey, count: number): Promise<string[]> {
  const suite = createEd25519Suite();
  const seeds = Array.from({ length: count }, () => toHex(randomBytes(32)));
  const sender = await Sender.open({}, { client, key: faucet });
  for (let from = 0; from < count; from += PAYMENTS_PER_TRANSACTION) {
    const payments = seeds.slice(from, from + PAYMENTS_PER_TRANSACTION).map((seed) => ({
      to: parseAddress(sha256, accountAddress(suite.secretFromSeed(fromHex(seed)).publicKey)),
      amount: FUNDS,
    }));
    const result = await sender.send({ kind: 'multiTransfer', payments });
    if (result.status !== 'final' || result.receipt.code !== 0) {
      const reason = 'reason' in result ? result.reason : 'receipt' in result ? result.receipt.log : result.status;
      throw new QuorateError('transaction/invalid', `the faucet could not fund the load accounts: ${reason}`);
    }
  }
  return seeds;
}

/** Offers load for a while from processes of their own and reports what came to be final. */
export async function runLoad(options: LoadOptions, parts: LoadParts): Promise<LoadSummary> {
  const { client, faucet } = parts;
  const { chainId } = await client.status();
  const { minimumFee, feePerByte } = decodeParameters(fromBase64((await client.query({ path: 'parameters' })).value));
  const seeds = await fundAccounts(client, faucet, options.accounts);
  const share = options.rate / options.processes;
  const measure = async (phase: 'begin' | 'end', second: number): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, 1000 * second));
    await parts.onMeasure?.(phase);
  };
  const measuring = [measure('begin', options.warmupSeconds), measure('end', options.warmupSeconds + options.seconds)];
  const results = await Promise.all(
    Array.from({ length: options.processes }, (_, index) => {
      const own = seeds.filter((_seed, i) => i % options.processes === index);
      return runProcess({
        scenario: options.scenario,
        urls: [options.urls[index % options.urls.length] ?? client.url],
        chainId,
        rate: share,
        size: options.size,
        warmup: options.warmupSeconds * 1000,
        duration: options.seconds * 1000,
        accounts: own.map((seed) => ({ seed, nonce: 0 })),
        minimumFee: minimumFee.toString(),
        feePerByte: feePerByte.toString(),
      });
    }),
  );
  await Promise.all(measuring);
  return summarise(options, results);
}

/** What the processes report together. */
export function summarise(options: LoadOptions, results: readonly LoadResult[]): LoadSummary {
  const latencies = results.flatMap((result) => result.latencies);
  const sum = (pick: (result: LoadResult) => number): number =>
    results.reduce((total, result) => total + pick(result), 0);
  const reasons = new Map<string, number>();
  for (const { reasons: some } of results)
    for (const [reason, count] of some) reasons.set(reason, (reasons.get(reason) ?? 0) + count);
  return {
    scenario: options.scenario,
    offeredTps: Math.round(sum((r) => r.offered) / options.seconds),
    committedTps: Math.round(sum((r) => r.committed) / options.seconds),
    offered: sum((r) => r.offered),
    final: sum((r) => r.final),
    failed: sum((r) => r.failed),
    pending: sum((r) => r.offered - r.final - r.failed),
    reasons: [...reasons].sort((a, b) => b[1] - a[1]).slice(0, 5),
    latencyMs: {
      p50: rounded(quantile(latencies, 0.5)),
      p90: rounded(quantile(latencies, 0.9)),
      p99: rounded(quantile(latencies, 0.99)),
    },
    clientCpuSeconds: Math.round(10 * sum((r) => r.cpuSeconds)) / 10,
  };
}

function rounded(value: number | null): number | null {
  return value === null ? null : Math.round(10 * value) / 10;
}

function runProcess(plan: LoadPlan): Promise<LoadResult> {
  return new Promise((resolve, reject) => {
    const child = fork(WORKER, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], serialization: 'advanced' });
    let result: LoadResult | null = null;
    child.once('message', (message: LoadResult) => {
      result = message;
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      if (result !== null) resolve(result);
      else reject(new QuorateError('rpc/failed', `a load process ended with code ${code} and no result`));
    });
    child.send(plan);
  });
}
