import { defineConfig } from 'vitest/config';
import base from './vitest.config.ts';

// The long runs: only *.soak.test.ts, no clock over them except one hour a test.
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ['packages/*/src/**/*.soak.test.ts', 'test/**/*.soak.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    passWithNoTests: true,
    testTimeout: 3_600_000,
    hookTimeout: 600_000,
  },
});
