import { describe, expect, it } from 'vitest';
import { type DevnetView, draw, quantile } from './view.ts';

const view: DevnetView = {
  chainId: 'devnet',
  mechanism: 'simplex',
  suite: 'ed25519',
  seconds: 12.4,
  height: 24,
  view: 24,
  epoch: 0,
  latency: { p50: 4.25, p99: 31 },
  blocksPerSecond: 2,
  transactionsPerSecond: 0,
  validators: [
    {
      name: 'validator-0',
      state: 'running',
      pid: 10,
      height: 24,
      view: 25,
      peers: 3,
      rpc: '127.0.0.1:26650',
      silent: null,
    },
    {
      name: 'validator-1',
      state: 'crashed',
      pid: null,
      height: 20,
      view: 21,
      peers: 0,
      rpc: '127.0.0.1:26651',
      silent: 'gate state lost',
    },
  ],
  notices: [],
  hints: ['quorate status'],
};

describe('draw', () => {
  it('shows what an operator asks first', () => {
    expect(draw(view, { columns: 100, colour: false })).toMatchInlineSnapshot(`
      [
        "Quorate devnet  devnet · simplex · ed25519 · up 12 s",
        "",
        "  height    24   (2.0 blocks/s)   view 24   epoch 0",
        "  finality  p50 4.3 ms · p99 31 ms",
        "  load      0.0 tx/s",
        "",
        "  validator     state      height      view   peers   rpc",
        "  validator-0   running        24        25       3   127.0.0.1:26650",
        "  validator-1   crashed        20        21       0   127.0.0.1:26651   silent: gate state lost",
        "",
        "  Try, in another terminal:",
        "    quorate status",
      ]
    `);
  });

  it('never exceeds the width of the terminal', () => {
    for (const line of draw(view, { columns: 30, colour: false })) expect(line.length).toBeLessThanOrEqual(30);
  });
});

describe('quantile', () => {
  it('is null for nothing and an element otherwise', () => {
    expect(quantile([], 0.5)).toBeNull();
    expect(quantile([3, 1, 2], 0.5)).toBe(2);
    expect(quantile([3, 1, 2], 0.99)).toBe(3);
  });
});
