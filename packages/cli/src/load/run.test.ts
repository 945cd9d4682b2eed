import { expect, it } from 'vitest';
import { summarise } from './run.ts';

it('accounts for all that was offered: final, failed, and pending at the end', () => {
  const result = { offered: 50, final: 30, failed: 5, committed: 28, reasons: [], latencies: [], cpuSeconds: 0 };
  const options = { scenario: 'transfer', urls: [], rate: 1, size: 1, warmupSeconds: 0, seconds: 1 } as const;
  const summary = summarise({ ...options, processes: 2, accounts: 1 }, [result, result]);
  expect(summary).toMatchObject({ offered: 100, final: 60, failed: 10, pending: 30, committedTps: 56 });
});
