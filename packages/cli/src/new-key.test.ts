import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createPureSuites, openGate } from '@quorate/crypto';
import { HOME, NodeDisk, readGenesis, readKey } from '@quorate/node';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { smallTestnet } from '../../../test/fixtures/small-testnet.ts';
import { makeKey, type NewKeyOptions } from './new-key.ts';

let folder: string;
let home: string;

/** A home without a voting key, and the genesis of a chain. */
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorate-key-'));
  const { homes } = await smallTestnet({ folder: join(folder, 'net'), chainId: 'new-key' });
  home = homes[0]?.home ?? '';
  await rm(join(home, HOME.validatorKey));
  await rm(join(home, HOME.gate), { recursive: true });
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const validator = (file: string): NewKeyOptions => ({ file, kind: 'validator', suite: 'ed25519', plain: true });

/** What the gate of the home's key says when a node starts with it. */
async function gateOf(of: string): Promise<{ silent: string | null; neverSigned: boolean }> {
  const { chainId } = await readGenesis(of);
  const secret = await readKey(of, 'validator', null, createPureSuites());
  if (secret === null) throw new Error('no voting key');
  const disk = await NodeDisk.open(of);
  const gate = await openGate({ chainId, secret, allowFresh: false }, { disk });
  const { silent, neverSigned } = gate;
  await gate.close();
  await disk.close();
  return { silent, neverSigned };
}

it('gives a voting key that is made in a home an empty gate, with which it votes at once', async () => {
  expect(await makeKey(validator(join(home, HOME.validatorKey)))).toMatchObject({ recordFor: 'new-key' });
  expect(await gateOf(home)).toEqual({ silent: null, neverSigned: true });
});

it('gives it to no key that was there before, nor takes away what is known of one', async () => {
  const file = join(home, HOME.validatorKey);
  await makeKey(validator(file));
  const key = await readFile(file, 'utf8');
  await rm(join(home, HOME.gate), { recursive: true });
  await expect(makeKey(validator(file))).rejects.toMatchObject({ code: 'key/invalid' });
  expect(await readFile(file, 'utf8')).toBe(key);
  expect(await readdir(home)).not.toContain(HOME.gate);
  // Its record is lost, and a lost record is silent: whatever the command was asked for since.
  expect(await gateOf(home)).toMatchObject({
    silent: expect.stringMatching(/silent through the first epoch/),
    neverSigned: false,
  });
});

it('gives it to no key that is made elsewhere: where it will vote is not known', async () => {
  const elsewhere = join(folder, 'validator.json');
  expect(await makeKey(validator(elsewhere))).toMatchObject({ recordFor: null });
  const bare = join(folder, 'bare', HOME.validatorKey);
  await mkdir(dirname(bare), { recursive: true });
  expect(await makeKey(validator(bare))).toMatchObject({ recordFor: null });
  expect(await makeKey({ ...validator(join(home, HOME.validatorKey)), kind: 'account' })).toMatchObject({
    recordFor: null,
  });
  expect(await readdir(home)).not.toContain(HOME.gate);
});

it('refuses a key with which the chain does not vote, and a home in use, and leaves none behind', async () => {
  const file = join(home, HOME.validatorKey);
  await expect(makeKey({ ...validator(file), suite: 'bls12-381' })).rejects.toMatchObject({
    code: 'config/invalid',
    message: expect.stringMatching(/--suite: new-key votes with ed25519/),
  });
  const disk = await NodeDisk.open(home);
  await expect(makeKey(validator(file))).rejects.toMatchObject({ code: 'gate/locked' });
  await disk.close();
  await expect(readFile(file)).rejects.toMatchObject({ code: 'ENOENT' });
});
