import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { createPureSuites, initialiseGate, type KeyKind } from '@quorate/crypto';
import { QuorateError, type SecretKey, type SuiteName } from '@quorate/kernel';
import { HOME, NodeDisk, readGenesis } from '@quorate/node';
import { sealKey, writeKey } from './secrets.ts';

export interface NewKeyOptions {
  readonly file: string;
  readonly kind: KeyKind;
  readonly suite: SuiteName;
  readonly plain: boolean;
  readonly passphraseFile?: string | undefined;
}

export interface NewKey {
  readonly publicKey: Uint8Array;
  /** Of a voting key: the chain for which an empty record of its signatures was begun, or null when none could be. */
  readonly recordFor: string | null;
}

/**
 * Makes a key and writes it to a new file. A voting key that is made where a home keeps it, `keys/validator.json` beside a
 * `genesis.json`, gets an empty signing gate for that chain at once: nobody else has ever held it, so there is nothing to have
 * forgotten, and its validator votes in the first epoch in which it is in the set. Any other way to come by a key leaves none, and
 * then the gate observes (simplex.md, "Signing gate"). Throws `key/invalid` rather than overwrite, `config/invalid` for a
 * suite with which the chain does not vote, `gate/locked` while a node runs in the home.
 */
export async function makeKey(options: NewKeyOptions): Promise<NewKey> {
  const { file, kind, suite } = options;
  const secret = createPureSuites().get(suite).secretFromSeed(randomBytes(32));
  const home = kind === 'validator' ? homeOf(file) : null;
  if (home === null) {
    await write(options, secret);
    return { publicKey: secret.publicKey, recordFor: null };
  }
  const { chainId, suite: votesWith } = await readGenesis(home);
  if (votesWith !== suite)
    throw new QuorateError('config/invalid', `--suite: ${chainId} votes with ${votesWith} keys, not ${suite}`);
  // The lock comes first: a node that runs here would not see the new key, and a key without a record is the safe half.
  const disk = await NodeDisk.open(home);
  try {
    await write(options, secret);
    await initialiseGate({ chainId, secret }, { disk });
  } finally {
    await disk.close();
  }
  return { publicKey: secret.publicKey, recordFor: chainId };
}

async function write(options: NewKeyOptions, secret: SecretKey): Promise<void> {
  await writeKey(options.file, await sealKey(secret, options.kind, options));
}

/** The home folder that keeps its voting key at this path and knows its chain, or null. */
function homeOf(file: string): string | null {
  const path = resolve(file);
  const home = dirname(dirname(path));
  return join(home, HOME.validatorKey) === path && existsSync(join(home, HOME.genesis)) ? home : null;
}
