import { expect, it } from 'vitest';
import { checkModel } from './check.ts';
import type { ModelOptions } from './options.ts';

/** Each is exhausted; see docs/model-checking.md for what that took. */
const models: readonly Omit<ModelOptions, 'mechanism'>[] = [
  { views: 2, heights: 2, byzantine: [1] },
  { views: 2, heights: 1, byzantine: [2] },
  { views: 2, heights: 2, byzantine: [4] },
  { views: 2, heights: 2, byzantine: [4], speculative: false },
  { views: 1, heights: 1, byzantine: [1], crashes: 2 },
  { views: 1, heights: 1, byzantine: [1], lateAnswers: true },
];

it.each(models)('the real engine keeps every invariant in %o', (options) => {
  const report = checkModel({ mechanism: 'simplex', ...options });
  expect(report.violation).toBeNull();
  expect(report.complete).toBe(true);
  expect(report.activity.finalizing).toBeGreaterThan(0);
});
