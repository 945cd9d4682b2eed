/** What one load process is told, by message from its parent. Times in ms, rates per second. */
export interface LoadPlan {
  readonly scenario: LoadScenario;
  /** RPC endpoints, used in turn. */
  readonly urls: readonly string[];
  readonly chainId: string;
  /** Transactions (or records) offered per second by this process, whatever comes back. */
  readonly rate: number;
  /** Bytes of one record. */
  readonly size: number;
  readonly warmup: number;
  readonly duration: number;
  /** Secret seeds of the sending accounts, 64 hexadecimal characters each, and their next nonces. */
  readonly accounts: readonly { readonly seed: string; readonly nonce: number }[];
  readonly minimumFee: string;
  readonly feePerByte: string;
}

/** `transfer`: single signed payments. `opaque`: random records in signed batches of up to 64 KiB. */
export type LoadScenario = 'transfer' | 'opaque';

/** What one load process reports at its end. Only what reached a final receipt within the measured time counts as committed. */
export interface LoadResult {
  readonly offered: number;
  readonly committed: number;
  readonly failed: number;
  /** Of what was offered in the measured time, what was final with success by the end; the rest failed or was still pending. */
  readonly final: number;
  /** Reasons of failures and how often each came, the commonest first, at most ten. */
  readonly reasons: readonly (readonly [reason: string, count: number])[];
  /** Scheduled → final receipt received, ms, one for each committed transaction or record. */
  readonly latencies: readonly number[];
  readonly cpuSeconds: number;
}
