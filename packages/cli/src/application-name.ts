import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPureSuites, sha256 } from '@quorate/crypto';
import { type Genesis, toHex, ValidatorSet } from '@quorate/kernel';
import { loadApplication, NodeDisk } from '@quorate/node';

/** The name under which a chain's genesis must carry an application: asked of the module itself, on a store that is thrown away. */
export async function applicationName(path: string): Promise<string> {
  const factory = await loadApplication(path);
  const key = createPureSuites().get('ed25519').secretFromSeed(new Uint8Array(32).fill(1));
  const genesis: Genesis = {
    chainId: 'scratch',
    time: 0,
    suite: 'ed25519',
    consensus: {
      mechanism: 'simplex',
      delta: 1000,
      maxTimeout: 60_000,
      epochLength: 2,
      maxBlockBytes: 1024,
      evidenceWindow: 1,
      upgradeHeight: 0,
    },
    validators: new ValidatorSet([
      { publicKey: key.publicKey, weight: 1, proof: new Uint8Array(), peer: toHex(key.publicKey), address: '' },
    ]),
    application: 'scratch',
    appState: new TextEncoder().encode('{}'),
  };
  const folder = await mkdtemp(join(tmpdir(), 'quorate-'));
  const disk = await NodeDisk.open(folder);
  try {
    const store = await disk.openStore('application');
    const application = await factory({ genesis, store, hash: sha256, log: () => {} });
    const { name } = await application.info();
    await application.close();
    return name;
  } finally {
    await disk.close();
    await rm(folder, { recursive: true, force: true });
  }
}
