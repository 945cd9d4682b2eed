import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { fileURLToPath } from 'node:url';
import { accountAddress, accountKeyFromSeed, fromBase64, toBase64 } from '@quorate/client';
import { createPureSuites, sha256 } from '@quorate/crypto';
import { encode, genesisCodec } from '@quorate/kernel';
import { epochClaimCodec, stateClaimCodec } from '@quorate/light';
import { type Browser, chromium, type Page } from 'playwright-core';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Chain, votersOf } from '../fixtures/chain.ts';
import { oneNode } from '../fixtures/one-node.ts';
import { smallState } from '../fixtures/state.ts';
import type { page as Exposed, Task } from './page.ts';

const executable = process.env.QUORATE_CHROMIUM ?? '/usr/bin/chromium';
const present = existsSync(executable);
if (!present)
  console.warn(`browser tests skipped: no browser at ${executable}; install Chromium, or name one in QUORATE_CHROMIUM`);

declare const quorate: typeof Exposed;

async function bundle(): Promise<string> {
  const build = await rolldown({
    input: fileURLToPath(new URL('page.ts', import.meta.url)),
    platform: 'browser',
    resolve: { conditionNames: ['quorate-source', 'browser', 'import', 'default'] },
    logLevel: 'silent',
    onLog: (level, log) => {
      // A module of Node in what should run in a browser would end here.
      if (level === 'warn' && log.code !== 'EVAL') throw new Error(`the bundle is not clean: ${log.message}`);
    },
  });
  const { output } = await build.generate({ format: 'esm', minify: true });
  await build.close();
  expect(output).toHaveLength(1);
  return output[0].code;
}

describe.skipIf(!present)(`in a real browser (${executable}${present ? '' : ': not installed'})`, () => {
  let browser: Browser;
  let server: Server;
  let page: Page;
  let origin = '';
  const faults: string[] = [];

  beforeAll(async () => {
    const script = await bundle();
    server = createServer((request, response) => {
      const isScript = request.url === '/page.js';
      response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
      response.end(
        isScript ? script : '<!doctype html><title>test</title><script type="module" src="/page.js"></script>',
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    origin = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
    browser = await chromium.launch({
      executablePath: executable,
      args: [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    });
    page = await browser.newPage();
    page.on('pageerror', (error) => faults.push(String(error)));
    await page.goto(origin);
    await page.waitForFunction(() => 'quorate' in globalThis);
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    server?.close();
    expect(faults).toEqual([]);
  });

  it.each(['ed25519', 'bls12-381'] as const)(
    'verifies an account through epochs, and refuses flipped bits (%s)',
    async (name) => {
      const suite = createPureSuites().get(name);
      const key = new TextEncoder().encode('carol');
      const value = new TextEncoder().encode('100');
      const { root, proof } = smallState([[key, value]], key);
      const chain = new Chain({
        suite,
        hash: sha256,
        epochLength: 2,
        voters: (epoch) => votersOf(suite, epoch, epoch + 3),
      });
      chain.grow(5).grow(1, { stateRoot: root });
      const claim = { height: 5, key, value, proof, finality: chain.claim(6) };
      const task: Task = {
        genesis: toBase64(encode(genesisCodec, chain.genesis)),
        epochs: [0, 1].map((epoch) => toBase64(encode(epochClaimCodec, chain.epochClaim(epoch)))),
        claim: toBase64(encode(stateClaimCodec, claim)),
        now: chain.header(6).time + 1000,
      };
      const verdict = (changed: Task): Promise<string> => page.evaluate((given) => quorate.verify(given), changed);
      expect(await verdict(task)).toBe('ok');
      expect(await verdict({ ...task, epochs: task.epochs.slice(1) })).toBe('proof/invalid');
      expect(await verdict({ ...task, now: task.now + 86_400_001 })).toBe('light/expired');
      const bits = 8 * fromBase64(task.claim).length;
      for (let bit = 5; bit < bits; bit += Math.floor(bits / 24)) {
        const bytes = fromBase64(task.claim);
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(await verdict({ ...task, claim: toBase64(bytes) }), `bit ${bit}`).toMatch(/^(proof|codec|light)\//);
      }
    },
  );

  it.each(['ed25519', 'bls12-381'] as const)('judges the edge cases of %s as Node does', async (name) => {
    const verdicts = await page.evaluate((suite) => quorate.edgeCases(suite), name);
    expect(verdicts.length).toBeGreaterThan(10);
    for (const { name: what, expected, verdict } of verdicts) expect(verdict, what).toBe(expected);
  });

  it('reads from a node that lets its origin in, and cannot from one that does not', async () => {
    const suite = createPureSuites().get('ed25519');
    const alice = accountKeyFromSeed(new Uint8Array(32).fill(1));
    const node = (allowedOrigins: string[], byte: number): ReturnType<typeof oneNode> =>
      oneNode({
        voting: suite.secretFromSeed(new Uint8Array(32).fill(byte)),
        nodeKey: suite.secretFromSeed(new Uint8Array(32).fill(byte + 1)),
        accounts: [alice],
        time: Date.now() - 1000,
        rpc: { allowedOrigins },
      });
    const [open, closed] = await Promise.all([node([origin], 70), node([], 80)]);
    const read = (one: typeof open): Promise<{ balance: string; heights: number[] }> =>
      page.evaluate(([url, genesis, address]) => quorate.readAccount(url, genesis, address), [
        one.addresses.url,
        toBase64(encode(genesisCodec, one.genesis)),
        accountAddress(alice.publicKey),
      ] as const);
    expect(await read(open)).toEqual({ balance: '1000000000', heights: [1, 2, 3] });
    await expect(read(closed)).rejects.toThrow(/cannot be reached/);
    await Promise.all([open.stop(), closed.stop()]);
  });
});
