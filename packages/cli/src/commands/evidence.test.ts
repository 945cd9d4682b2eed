import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { accountAddress, accountKeyFromSeed, Client, fromBase64, toBase64 } from '@quorate/client';
import { createPureSuites, sha256 } from '@quorate/crypto';
import {
  certify,
  decode,
  encode,
  evidenceCodec,
  fromHex,
  type Header,
  headerDigest,
  type Statement,
  signedBytes,
  toHex,
} from '@quorate/kernel';
import { type ForkJson, finalityClaimCodec } from '@quorate/light';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { type LyingServer, lyingServer } from '../../../../test/e2e/lying-server.ts';
import { type OneNode, oneNode } from '../../../../test/fixtures/one-node.ts';
import { evidenceCommand } from './evidence.ts';
import { verifyCommand } from './verify.ts';

const suite = createPureSuites().get('ed25519');
const seed = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const payer = accountKeyFromSeed(seed(1));
const voting = suite.secretFromSeed(seed(2));

let folder: string;
let one: OneNode;
let liar: LyingServer;
let url: string;
let client: Client;

/** A block that the node never saw, final in a view by the same key, instead of the one that is final there. */
function rivalOf(header: Header, view: number): string {
  const { chainId, validators } = one.genesis;
  const other: Header = { ...header, view, txRoot: 'ee'.repeat(32) };
  const block = headerDigest(sha256, chainId, other);
  const statement: Statement = { kind: 'finalize', epoch: header.epoch, view, block };
  const vote = { statement, signer: 0, signature: voting.sign(signedBytes(chainId, statement)) };
  return toBase64(
    encode(finalityClaimCodec, { headers: [other], certificate: certify({ suite, validators }, [vote]) }),
  );
}

/** How many views later than the block that is final the rival is. */
let later = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorate-evidence-'));
  one = await oneNode({ voting, nodeKey: suite.secretFromSeed(seed(3)), accounts: [payer], time: Date.now() - 1000 });
  ({ url } = one.addresses);
  client = new Client({ url, WebSocket });
  for await (const { height } of client.follow('blocks', { from: 1 })) if (height === 3) break;
  await writeFile(join(folder, 'genesis.json'), await readFile(join(one.home, 'genesis.json')));
  liar = await lyingServer(url, (method, _params, result) => {
    if (method !== 'finality') return result;
    const [header] = decode(finalityClaimCodec, fromBase64(String(Object(result).claim))).headers;
    return header === undefined ? result : { ...Object(result), claim: rivalOf(header, header.view + later) };
  });
});

afterAll(async () => {
  await liar.close();
  await one.stop();
  await rm(folder, { recursive: true, force: true });
});

/** What a command prints to a person or a program, and the error it ends with. */
async function run(
  command: 'verify' | 'evidence',
  ...args: string[]
): Promise<{ readonly out: string; readonly notes: string; readonly error: unknown }> {
  const [out, notes]: [string[], string[]] = [[], []];
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => out.push(String(text)) > 0),
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => notes.push(String(text)) > 0),
  ];
  const before = process.exitCode;
  try {
    const made = command === 'verify' ? verifyCommand() : evidenceCommand();
    const error = await made.parseAsync(args, { from: 'user' }).then(
      () => (process.exitCode === 1 ? 'exit code 1' : null),
      (reason: unknown) => reason,
    );
    return { out: out.join(''), notes: notes.join(''), error };
  } finally {
    process.exitCode = before;
    for (const spy of spies) spy.mockRestore();
  }
}

const asking = (): string[] => [
  accountAddress(payer.publicKey),
  '--genesis',
  join(folder, 'genesis.json'),
  '--url',
  url,
  '--compare',
  liar.url,
];

it('of two servers that contradict each other is shown, written, and punished by a node it is handed to', async () => {
  later = 0;
  const file = join(folder, 'fork.json');
  const shown = await run('verify', ...asking(), '--evidence', file);
  expect(shown.error).toMatchObject({ code: 'light/conflict' });
  const key = toHex(voting.publicKey);
  expect(shown.out).toMatch(/CONFLICT +two blocks are final at height \d+/);
  expect(shown.out.match(/certificate [12] +of block [0-9a-f]{64} at height \d+, view \d+ of epoch 0/g)).toHaveLength(
    2,
  );
  expect(shown.out).toMatch(
    new RegExp(`signed both +validators with 1 of 1 weight\n +validator 0 +weight 1, key ${key}`),
  );
  expect(shown.out).toMatch(/evidence +validator 0: conflicting-finalize in view \d+ of epoch 0/);
  expect(shown.notes).toContain(`the evidence is in ${file}`);

  const { conflict }: { conflict: ForkJson } = JSON.parse((await run('verify', ...asking(), '--json')).out);
  const [piece] = conflict.evidence;
  expect(piece).toMatchObject({ kind: 'conflicting-finalize', signer: 0, publicKey: key });
  expect(decode(evidenceCodec, fromHex(piece?.evidence ?? '')).first.signer).toBe(0);

  // A forgery is refused.
  const report: ForkJson = JSON.parse(await readFile(file, 'utf8'));
  const forged = report.evidence.map((each) => {
    const { kind, first, second } = decode(evidenceCodec, fromHex(each.evidence));
    const at = (vote: typeof first) => ({ ...vote, statement: { ...vote.statement, view: 999 } });
    return { ...each, evidence: toHex(encode(evidenceCodec, { kind, first: at(first), second: at(second) })) };
  });
  await writeFile(join(folder, 'forged.json'), JSON.stringify({ evidence: forged }));
  const refused = await run('evidence', 'submit', join(folder, 'forged.json'), '--url', url);
  expect(refused).toMatchObject({ error: 'exit code 1', out: expect.stringMatching(/^rejected .*does not verify/) });

  const handed = await run('evidence', 'submit', file, '--url', url);
  expect(handed).toMatchObject({
    error: null,
    out: expect.stringMatching(/^accepted {2}validator 0, conflicting-finalize: offence [0-9a-f]{64}/),
  });
  expect((await run('evidence', 'submit', file, '--url', url)).error).toBe(null); // an offence counts once
  await vi.waitFor(async () => {
    const { evidence } = await client.evidence();
    expect(evidence).toMatchObject([{ offender: key, height: expect.any(Number) }]);
  }, 10_000);
  expect((await run('evidence', 'list', '--url', url)).out).toMatch(
    /^validator 0 of epoch 0, conflicting-finalize in view \d+, in block \d+, key/,
  );

  // A file that is there is not written over, which hides nothing.
  const again = await run('verify', ...asking(), '--evidence', file);
  expect(again.error).toMatchObject({ code: 'light/conflict' });
  expect(again.notes).toMatch(/fork\.json: it exists already/);
  await expect(client.call('submitEvidence', { evidence: 'AAAA' })).rejects.toMatchObject({ code: 'rpc/invalid' });
});

it('is none when the views differ: the signers of both are named, and why no vote convicts them', async () => {
  later = 5;
  const { out, error } = await run('verify', ...asking());
  expect(error).toMatchObject({ code: 'light/conflict' });
  expect(out).toContain(`key ${toHex(voting.publicKey)}`);
  expect(out).toMatch(/no evidence +the two certificates are of different views/);
  expect(out).not.toMatch(/^evidence/m);
});

it('is checked at a bounded rate', async () => {
  const statement = (block: string): Statement => ({ kind: 'notarize', epoch: 0, view: 7, block: block.repeat(32) });
  const vote = (block: string) => ({ statement: statement(block), signer: 1, signature: new Uint8Array(64) });
  const evidence = toBase64(
    encode(evidenceCodec, { kind: 'conflicting-notarize', first: vote('11'), second: vote('22') }),
  );
  const impatient = new Client({ url, retries: 0 });
  const answers: (string | undefined)[] = [];
  for (let round = 0; round < 6; round++) {
    const offers = Array.from({ length: 32 }, () =>
      impatient.call('submitEvidence', { evidence }).then(
        ({ status }) => status,
        (reason: { code?: string }) => reason.code,
      ),
    );
    answers.push(...(await Promise.all(offers)));
  }
  expect(new Set(answers)).toEqual(new Set(['rejected', 'rpc/limited']));
});
