import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeDisk } from '../../../test/conformance/disk.ts';
import { type DiskHarness, describeStore } from '../../../test/conformance/store.ts';
import { describeTransport, type TransportHarness } from '../../../test/conformance/transport.ts';
import { NodeDisk } from './disk/node-disk.ts';
import { createTlsMesh } from './transport/mesh.ts';

async function until(condition: () => boolean, ms: number): Promise<void> {
  const deadline = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`it did not happen within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function diskHarness(): Promise<DiskHarness> {
  const home = await mkdtemp(join(tmpdir(), 'quorate-disk-'));
  let disk = await NodeDisk.open(home);
  return {
    disk: () => disk,
    complete: (promise) => promise,
    reopen: async () => {
      await disk.close();
      disk = await NodeDisk.open(home);
    },
    crash: null, // disk.test.ts kills a real process
    close: async () => {
      await disk.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}

async function transportHarness(count: number): Promise<TransportHarness> {
  const meshes = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      createTlsMesh(
        {
          listen: '127.0.0.1:0',
          chainId: 'conformance',
          genesis: '00'.repeat(32),
          protocol: { min: 1, max: 1 },
          software: 'test',
        },
        { nodeKey: new Uint8Array(32).fill(index + 1), log: () => {} },
      ),
    ),
  );
  return {
    nodes: meshes.map((mesh) => ({ transport: mesh, address: mesh.address })),
    eventually: (condition) => until(condition, 20_000),
    settle: () => new Promise((resolve) => setTimeout(resolve, 300)),
    close: async () => {
      await Promise.all(meshes.map((mesh) => mesh.stop()));
    },
  };
}

describeStore('LMDB', diskHarness);
describeDisk('files', diskHarness);
describeTransport('TLS mesh', transportHarness);
