import { mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createTestnet } from '../testnet.ts';
import { doctorCommand } from './doctor.ts';

let folder: string;
let homes: readonly string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorate-doctor-'));
  const testnet = await createTestnet({
    folder: join(folder, 'net'),
    chainId: 'doctor',
    validators: 2,
    suite: 'ed25519',
    mechanism: 'simplex',
    hosts: [],
    p2pPort: 1000,
    rpcPort: 1001,
    delta: 1000,
    epochLength: 100,
    upgradeHeight: 0,
    application: 'ledger',
    sealing: { plain: true },
    config: {},
  });
  homes = testnet.homes.map(({ home }) => home);
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** What `quorate doctor` says of the gate of a home, or of something else there. */
async function gate(home: string, what = 'gate'): Promise<string> {
  const said: string[] = [];
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => said.push(String(text)) > 0);
  const before = process.exitCode;
  try {
    await doctorCommand().parseAsync(['--home', home, '--json'], { from: 'user' });
  } finally {
    spy.mockRestore();
    process.exitCode = before;
  }
  const { findings }: { findings: { check: string; detail: string }[] } = JSON.parse(said.join(''));
  return findings.find(({ check }) => check === what)?.detail ?? '';
}

it('tells a key that has signed nothing from one whose record is not there, and makes no record itself', async () => {
  const [first = '', second = ''] = homes;
  expect(await gate(first)).toBe('ready, this key has signed nothing yet');
  // The record of another key is none of this one.
  await rm(join(first, 'gate'), { recursive: true });
  await rename(join(second, 'gate'), join(first, 'gate'));
  const before = await readdir(join(first, 'gate'));
  expect(await gate(first)).toMatch(
    /^no record of what this key signed: once started it is silent through the first epoch in which/,
  );
  expect(await readdir(join(first, 'gate'))).toEqual(before);
});

it('points to what shows a fork', async () => {
  const [home = ''] = homes;
  expect(await gate(home, 'fork')).toBe('none on record');
  await writeFile(join(home, 'fork.json'), '{}');
  expect(await gate(home, 'fork')).toMatch(/fork\.json says who signed both/);
});
