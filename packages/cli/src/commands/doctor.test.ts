import { mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPureSuites, encryptKey } from '@quorate/crypto';
import { createRandom, HOME, readKey } from '@quorate/node';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { smallTestnet } from '../../../../test/fixtures/small-testnet.ts';
import { doctorCommand } from './doctor.ts';

let folder: string;
let homes: readonly string[];
/** Of the last answer. */
let healthy: boolean;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorate-doctor-'));
  const testnet = await smallTestnet({ folder: join(folder, 'net'), chainId: 'doctor', validators: 2 });
  homes = testnet.homes.map(({ home }) => home);
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** What `quorate doctor` says of the gate of a home, or of something else there. */
async function gate(home: string, what = 'gate', ...args: string[]): Promise<string> {
  const said: string[] = [];
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => said.push(String(text)) > 0);
  const before = process.exitCode;
  try {
    await doctorCommand().parseAsync(['--home', home, '--json', ...args], { from: 'user' });
  } finally {
    spy.mockRestore();
    process.exitCode = before;
  }
  const answer: { healthy: boolean; findings: { check: string; detail: string }[] } = JSON.parse(said.join(''));
  healthy = answer.healthy;
  return answer.findings.find(({ check }) => check === what)?.detail ?? '';
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

it('looks into an encrypted home with its passphrase, and does not call it bad without', async () => {
  const [home = ''] = homes;
  const key = await readKey(home, 'validator', null, createPureSuites());
  if (key === null) throw new Error('no voting key');
  const sealed = encryptKey(key, 'validator', { passphrase: 'secret', random: createRandom() });
  await writeFile(join(home, HOME.validatorKey), sealed);
  await writeFile(join(folder, 'passphrase'), 'secret\n');
  await writeFile(join(folder, 'wrong'), 'wrong\n');
  vi.stubEnv('QUORATE_PASSPHRASE', undefined);
  try {
    expect(await gate(home)).toMatch(/^not examined: the key is encrypted/);
    expect(healthy).toBe(true);
    expect(await gate(home, 'gate', '--passphrase-file', join(folder, 'passphrase'))).toMatch(/^ready/);
    expect(await gate(home, 'gate', '--passphrase-file', join(folder, 'wrong'))).toMatch(/^key\/decrypt/);
    expect(healthy).toBe(false);
  } finally {
    vi.unstubAllEnvs();
  }
});
