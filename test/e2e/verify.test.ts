import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Client, fromBase64, toBase64, VerifyingClient } from '@quorate/client';
import { createPureSuites, sha256 } from '@quorate/crypto';
import {
  certify,
  decode,
  encode,
  type Header,
  headerDigest,
  isQuorateError,
  type Statement,
  signedBytes,
} from '@quorate/kernel';
import { finalityClaimCodec } from '@quorate/light';
import { describe, expect, it, onTestFinished } from 'vitest';
import { seeded } from './kill.ts';
import { type Lie, lyingServer } from './lying-server.ts';
import { Network } from './network.ts';
import { Payments } from './payments.ts';
import { quorate, type StartOptions } from './process.ts';

const CLOCK = pathToFileURL(join(import.meta.dirname, 'fixtures', 'clock.mjs')).href;
const HOUR = 3_600_000;
const EPOCH = 12;

const truthful: Lie = (_method, _params, result) => result;

/** A network in its third epoch at least, with an account that was paid. */
async function paidNetwork(
  start: StartOptions = {},
  genesisTime = Date.now(),
): Promise<{ network: Network; address: string; genesis: string }> {
  const network = await Network.create({ epochLength: EPOCH, genesisTime });
  await network.run(start);
  const payments = await Payments.open(network, 1);
  payments.start();
  await network.reach(2 * EPOCH + 2);
  await payments.more(1);
  await payments.stop();
  const [payer] = payments.payers;
  return { network, address: payer?.receiver ?? '', genesis: join(network.node(0).home, 'genesis.json') };
}

function jsonOf(text: string): Record<string, unknown> {
  const value: Record<string, unknown> = JSON.parse(text);
  return value;
}

/** The same text with one bit of the base64 value under `field` flipped, wherever it lies. */
function flipIn(result: unknown, field: string, bit: number): unknown {
  const bytes = fromBase64(String(Object(result)[field]));
  const at = bit % (8 * bytes.length);
  bytes[at >> 3] = (bytes[at >> 3] ?? 0) ^ (1 << (at & 7));
  return { ...Object(result), [field]: toBase64(bytes) };
}

describe('quorate verify', () => {
  it('proves a balance from genesis and from a checkpoint, and refuses trust that is too old', {
    timeout: 240_000,
  }, async () => {
    // The whole network lives three hours ago: its checkpoints are old when the test looks at them.
    const past = { execArgv: ['--import', CLOCK], env: { TEST_CLOCK_SHIFT_MS: String(-3 * HOUR) } };
    const { network, address, genesis } = await paidNetwork(past, Date.now() - 4 * HOUR);
    const url = network.node(2).rpc;
    const balance = await quorate([
      'verify',
      address,
      '--genesis',
      genesis,
      '--url',
      url,
      '--json',
      '--trusting-hours',
      '336',
    ]);
    expect(balance.code, balance.stderr).toBe(0);
    const fromGenesis = jsonOf(balance.stdout);
    expect(fromGenesis).toMatchObject({ address, root: 'genesis', balance: expect.stringMatching(/^[1-9]/) });

    const { height, digest } = await network.node(1).client.checkpoint();
    const parameters = [
      '--chain-id',
      'e2e',
      '--epoch-length',
      String(EPOCH),
      '--suite',
      'ed25519',
      '--url',
      url,
      '--json',
    ];
    const trust = ['--checkpoint', `${height}:${digest}`, ...parameters];
    const fresh = await quorate(['verify', address, ...trust]);
    expect(fresh.code, fresh.stderr).toBe(0);
    expect(jsonOf(fresh.stdout)).toMatchObject({ root: 'checkpoint', balance: fromGenesis.balance });

    const old = await quorate(['verify', address, ...trust, '--trusting-hours', '1']);
    expect(old.code).not.toBe(0);
    expect(old.stderr).toMatch(/^quorate: light\/expired: /);
    const known = await quorate(['verify', address, ...trust, '--trusting-hours', '1', '--allow-expired']);
    expect(known.code, known.stderr).toBe(0);

    const wrong = await quorate(['verify', address, '--checkpoint', `${height}:${'ab'.repeat(32)}`, ...parameters]);
    expect(wrong.code).not.toBe(0);
    expect(wrong.stderr).toMatch(/^quorate: (light|proof)\//);
    const elsewhere = await quorate(['verify', address, ...trust, '--chain-id', 'another']);
    expect(elsewhere.code).not.toBe(0);
    expect(elsewhere.stderr).toMatch(/^quorate: (genesis|light|proof|certificate)\//);
  });

  it('refuses a flipped bit anywhere in what proves, with a reason', { timeout: 240_000 }, async () => {
    const { network, address } = await paidNetwork();
    const liar = await lyingServer(network.node(0).rpc, truthful);
    onTestFinished(() => liar.close());
    const random = seeded(7);
    const read = () =>
      new VerifyingClient(
        { root: { kind: 'genesis', genesis: network.genesis }, trustingPeriod: HOUR },
        { client: new Client({ url: liar.url, retries: 0 }) },
      ).verifiedAccount(address);
    expect((await read()).account?.balance).toBeGreaterThan(0n);
    for (const method of ['account', 'epoch']) {
      for (let turn = 0; turn < 60; turn++) {
        const bit = Math.floor(random() * 2 ** 31);
        liar.lie = (asked, _params, result) => (asked === method ? flipIn(result, 'claim', bit) : result);
        const refusal = await read().then(
          ({ account }) => `accepted ${account?.balance}`,
          (error: unknown) => (isQuorateError(error) ? `${error.code}: ${error.message}` : String(error)),
        );
        expect(refusal, `bit ${bit} of ${method}`).toMatch(
          /^(light|proof|codec|certificate|validators|rpc)\/[a-z-]+: .{10,}/,
        );
      }
    }
    // The same through the command: one line, and another code than 0.
    liar.lie = (asked, _params, result) => (asked === 'account' ? flipIn(result, 'claim', 3333) : result);
    const genesis = join(network.node(0).home, 'genesis.json');
    const refused = await quorate(['verify', address, '--genesis', genesis, '--url', liar.url, '--json']);
    expect(refused.code).not.toBe(0);
    expect(refused.stdout).toBe('');
    expect(refused.stderr).toMatch(/^quorate: (light|proof|codec|certificate)\/.*\n$/);
    // A server that changes what proves nothing changes nothing.
    liar.lie = (asked, _params, result) =>
      asked === 'account' ? { ...Object(result), account: { balance: '1', nonce: 9 } } : result;
    const proven = await quorate(['verify', address, '--genesis', genesis, '--url', liar.url, '--json']);
    expect(proven.code, proven.stderr).toBe(0);
    expect(jsonOf(proven.stdout).balance).not.toBe('1');
  });

  it('turns two servers that contradict each other into evidence', { timeout: 240_000 }, async () => {
    const { network, address, genesis } = await paidNetwork();
    const { chainId, validators } = network.genesis;
    const secrets = await Promise.all(network.nodes.map((node) => network.votingKey(node)));
    const suite = createPureSuites().get('ed25519');
    // Every validator signs a second block of the same view: the fork that only a guilty third can make.
    const forked = (result: unknown): unknown => {
      const claim = decode(finalityClaimCodec, fromBase64(String(Object(result).claim)));
      const header: Header = { ...(claim.headers[0] as Header), txRoot: 'ee'.repeat(32) };
      const block = headerDigest(sha256, chainId, header);
      const statement: Statement = { kind: 'finalize', epoch: header.epoch, view: header.view, block };
      const message = signedBytes(chainId, statement);
      const votes = secrets.map((secret) => ({
        statement,
        signer: validators.indexOfKey(secret.publicKey) ?? 0,
        signature: secret.sign(message),
      }));
      const certificate = certify({ suite, validators }, votes);
      const forgery = encode(finalityClaimCodec, { headers: [header], certificate });
      return { ...Object(result), claim: toBase64(forgery) };
    };
    const liar = await lyingServer(network.node(1).rpc, (asked, _params, result) =>
      asked === 'finality' ? forked(result) : result,
    );
    onTestFinished(() => liar.close());
    const ask = ['verify', address, '--genesis', genesis, '--url', network.node(0).rpc, '--json'];
    const agreeing = await quorate([...ask, '--compare', network.node(2).rpc]);
    expect(agreeing.code, agreeing.stderr).toBe(0);
    expect(jsonOf(agreeing.stdout)).toMatchObject({ agrees: true, conflict: null });
    const conflicting = await quorate([...ask, '--compare', liar.url]);
    expect(conflicting.code).not.toBe(0);
    expect(conflicting.stderr).toMatch(/^quorate: light\/conflict: two blocks are finalized at height \d+/);
    const { conflict } = jsonOf(conflicting.stdout);
    const { weight, evidence, signersOfBoth } = Object(conflict);
    expect(weight).toBeGreaterThanOrEqual(validators.total / 3);
    expect(evidence.length).toBeGreaterThanOrEqual(2);
    expect(evidence.length).toBe(signersOfBoth.length);
  });
});
