import { createServer, type Server } from 'node:http';
import {
  accountAddress,
  accountKeyFromSeed,
  Client,
  fromBase64,
  Sender,
  type TrustRoot,
  toBase64,
  VerifyingClient,
  type VerifyingOptions,
} from '@quorate/client';
import { createEd25519Suite, createPureSuites, sha256 } from '@quorate/crypto';
import { evidenceFault, type QuorateError } from '@quorate/kernel';
import { addressOf } from '@quorate/ledger';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { type OneNode, oneNode } from '../../../../test/fixtures/one-node.ts';

const ed25519 = createEd25519Suite();
const seed = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const alice = accountKeyFromSeed(seed(1));
const bobKey = accountKeyFromSeed(seed(2)).publicKey;
const bob = accountAddress(bobKey);
const DAY = 86_400_000;

let honest: OneNode;
/** The same genesis and the same voting key, run apart from the first: what a validator that lies to somebody is. */
let rival: OneNode;
let client: Client;
let root: TrustRoot;

beforeAll(async () => {
  const common = {
    voting: ed25519.secretFromSeed(seed(52)),
    nodeKey: ed25519.secretFromSeed(seed(62)),
    accounts: [alice],
    time: Date.now() - 1000,
    epochLength: 5,
  };
  [honest, rival] = await Promise.all([oneNode(common), oneNode(common)]);
  client = new Client({ url: honest.addresses.url, WebSocket });
  root = { kind: 'genesis', genesis: honest.genesis };
  const sender = await Sender.open({}, { client, key: alice });
  await sender.send({ kind: 'transfer', to: addressOf(sha256, bobKey), amount: 77n });
  for await (const { height } of client.follow('blocks', { from: 1 })) if (height === 23) break;
});
afterAll(() => Promise.all([honest.stop(), rival.stop()]));

function verifying(
  changes: Partial<VerifyingOptions> & { client?: Client; now?: () => number; onTrust?: (json: string) => void } = {},
): VerifyingClient {
  const { client: other, now, onTrust, ...options } = changes;
  const parts = { client: other ?? client, ...(now && { now }), ...(onTrust && { onTrust }) };
  return new VerifyingClient({ root, trustingPeriod: DAY, ...options }, parts);
}

/** A server between client and node that changes what the node says. */
async function liar(
  change: (method: string, result: Record<string, unknown>) => void,
): Promise<{ client: Client; server: Server }> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', async () => {
      const text = Buffer.concat(chunks).toString();
      const answer = await fetch(honest.addresses.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: text,
      });
      const json = (await answer.json()) as { result?: Record<string, unknown> };
      if (json.result !== undefined) change((JSON.parse(text) as { method: string }).method, json.result);
      response.end(JSON.stringify(json));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { client: new Client({ url: `http://127.0.0.1:${port}`, retries: 0 }), server };
}

function flip(text: unknown, bit: number): string {
  const bytes = fromBase64(String(text));
  const at = Math.floor(bit / 8) % bytes.length;
  bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
  return toBase64(bytes);
}

describe('a verified read', () => {
  it('proves an account from genesis through the epochs, and that another does not exist', async () => {
    const reader = verifying();
    const account = await reader.verifiedAccount(bob);
    expect(account.account).toEqual({ balance: 77n, nonce: 0 });
    expect(account.header.header.executedHeight).toBe(account.height);
    expect(account.height).toBeGreaterThanOrEqual(23);
    expect((await reader.verifiedAccount(accountAddress(accountKeyFromSeed(seed(7)).publicKey))).account).toBeNull();
    expect((await reader.verifiedHeader((await client.status()).height)).header.epoch).toBeGreaterThanOrEqual(4);
  });

  it('takes turns when many ask at once', async () => {
    const reader = verifying();
    const all = await Promise.all(Array.from({ length: 6 }, () => reader.verifiedAccount(bob)));
    expect(all.map(({ account }) => account?.balance)).toEqual(new Array(6).fill(77n));
  });

  it('stores its trust and goes on from it; a broken store is refused', async () => {
    const stored: string[] = [];
    await verifying({ onTrust: (json) => stored.push(json) }).verifiedAccount(bob);
    const storedTrust = stored[stored.length - 1] ?? '';
    expect(JSON.parse(storedTrust)).toMatchObject({ version: 1 });
    expect((await verifying({ storedTrust }).verifiedAccount(bob)).account?.balance).toBe(77n);
    await expect(verifying({ storedTrust: '{}' }).verifiedAccount(bob)).rejects.toMatchObject({
      code: 'light/untrusted',
    });
  });

  it('starts from a checkpoint, and refuses one that the server cannot back', async () => {
    const { header, digest } = await client.header(12);
    const checkpoint: TrustRoot = {
      kind: 'checkpoint',
      chainId: 'rpc-test',
      epochLength: 5,
      suite: 'ed25519',
      height: header.height,
      digest,
    };
    expect((await verifying({ root: checkpoint }).verifiedAccount(bob)).account?.balance).toBe(77n);
    const wrong = verifying({ root: { ...checkpoint, digest: '11'.repeat(32) } });
    await expect(wrong.verifiedAccount(bob)).rejects.toMatchObject({ code: 'proof/invalid' });
    // The rival's block 12 is another one, signed by the same key: it is not the checkpoint.
    const other = verifying({ root: checkpoint, client: new Client({ url: rival.addresses.url }) });
    await expect(other.verifiedAccount(bob)).rejects.toMatchObject({ code: 'proof/invalid' });
  });

  it('refuses trust that is too old, unless told to', async () => {
    const late = { now: () => honest.genesis.time + DAY + 1 };
    await expect(verifying(late).verifiedAccount(bob)).rejects.toMatchObject({ code: 'light/expired' });
    expect((await verifying({ ...late, allowExpired: true }).verifiedAccount(bob)).account?.balance).toBe(77n);
  });

  it('refuses to trust for as long as stake is locked by the genesis that it trusts, unless told to', async () => {
    const trustingPeriod = 504 * 3_600_000;
    expect(() => verifying({ trustingPeriod })).toThrow(expect.objectContaining({ code: 'config/invalid' }));
    expect(() => verifying({ trustingPeriod: trustingPeriod - 1 })).not.toThrow();
    const knowing = verifying({ trustingPeriod, allowExpired: true });
    expect((await knowing.verifiedAccount(bob)).account?.balance).toBe(77n);
  });
});

describe('a lying server', () => {
  it('is refused with a reason whatever bit it flips', async () => {
    for (let bit = 3; bit < 8 * 1100; bit += 331) {
      const { client: from, server } = await liar((method, result) => {
        if (method === 'account') result.claim = flip(result.claim, bit);
      });
      const error = await verifying({ client: from })
        .verifiedAccount(bob)
        .then(
          () => null,
          (reason: QuorateError) => reason,
        );
      expect(error?.code, `bit ${bit}`).toMatch(/^(proof\/invalid|codec\/.*|light\/.*|rpc\/.*)$/);
      expect(error?.message.length).toBeGreaterThan(10);
      server.close();
    }
  });

  it('is refused when it proves another account, lies in the epochs, or only in the plain fields (which nobody reads)', async () => {
    const others = await client.account(accountAddress(alice.publicKey));
    const swapped = await liar((method, result) => {
      if (method === 'account') result.claim = others.claim;
    });
    await expect(verifying({ client: swapped.client }).verifiedAccount(bob)).rejects.toThrow(/something else/);
    const epochs = await liar((method, result) => {
      if (method === 'epoch') result.claim = flip(result.claim, 1001);
    });
    await expect(verifying({ client: epochs.client }).verifiedAccount(bob)).rejects.toMatchObject({
      code: expect.stringMatching(/proof|codec|light/),
    });
    const decoration = await liar((method, result) => {
      if (method === 'account') result.account = { balance: '999', nonce: 0 };
    });
    expect((await verifying({ client: decoration.client }).verifiedAccount(bob)).account?.balance).toBe(77n);
    for (const { server } of [swapped, epochs, decoration]) server.close();
  });

  it('that answers nonsense instead of JSON-RPC is named', async () => {
    const server = createServer((_, response) => response.end('<html>'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const from = new Client({ url: `http://127.0.0.1:${port}`, retries: 0 });
    await expect(from.status()).rejects.toMatchObject({ code: 'rpc/failed' });
    await expect(from.submit(Uint8Array.of(1))).rejects.toMatchObject({ code: 'rpc/failed' });
    server.close();
    const wrong = await liar((method, result) => {
      if (method === 'status') result.height = 'high';
    });
    await expect(wrong.client.status()).rejects.toThrow(/contract/);
    wrong.server.close();
  });
});

describe('two servers', () => {
  it('that agree say so', async () => {
    const same = await liar(() => {});
    expect(await verifying().compareWith(same.client, 17)).toMatchObject({ kind: 'agree', height: 17 });
    same.server.close();
  });

  it('that contradict each other yield evidence against a third of the weight, wherever they part', async () => {
    const other = new Client({ url: rival.addresses.url });
    for await (const { height } of new Client({ url: rival.addresses.url, WebSocket }).follow('blocks', { from: 1 }))
      if (height === 17) break;
    for (const height of [3, 17]) {
      const comparison = await verifying().compareWith(other, height);
      if (comparison.kind !== 'fork') throw new Error('the fork was not seen');
      const { fork } = comparison;
      expect(3 * fork.weight).toBeGreaterThanOrEqual(honest.genesis.validators.total);
      const context = {
        chainId: 'rpc-test',
        suite: createPureSuites().get('ed25519'),
        validators: honest.genesis.validators,
      };
      for (const evidence of fork.evidence) expect(evidenceFault(context, evidence)).toBeNull();
      if (fork.first.statement.view === fork.second.statement.view) expect(fork.evidence.length).toBe(1);
    }
  });

  it('of which one serves another chain: that is said, and of which server', async () => {
    const common = {
      voting: ed25519.secretFromSeed(seed(53)),
      nodeKey: ed25519.secretFromSeed(seed(63)),
      accounts: [alice],
      time: Date.now() - 1000,
    };
    const foreign = await oneNode(common);
    const there = new Client({ url: foreign.addresses.url, retries: 0 });
    const error = {
      code: 'genesis/mismatch',
      message: expect.stringMatching(
        new RegExp(`^${foreign.addresses.url} serves another chain: its genesis digest is [0-9a-f]{64}, that of the`),
      ),
    };
    await expect(verifying().compareWith(there, 23)).rejects.toMatchObject(error);
    await expect(verifying({ client: there }).verifiedHeader(23)).rejects.toMatchObject(error);
    await foreign.stop();
  });

  it('of which one does not have a height: it is named', async () => {
    const same = await liar(() => {});
    const height = 1_000_000;
    await expect(verifying({ client: same.client }).verifiedHeader(height)).rejects.toMatchObject({
      code: 'rpc/not-found',
      message: expect.stringContaining(`${same.client.url}: `),
    });
    same.server.close();
  });

  it('of which one proves nothing: it is named', async () => {
    const broken = await liar((method, result) => {
      if (method === 'finality') result.claim = flip(result.claim, 2000);
    });
    await expect(verifying().compareWith(broken.client, 3)).rejects.toThrow(/./);
    broken.server.close();
  });
});
