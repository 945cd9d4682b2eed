import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { audit } from './audit.ts';
import { Network } from './network.ts';
import { Payments } from './payments.ts';

const MEGABYTE = 1 << 20;

function mountTemporary(folder: string, bytes: number): boolean {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder]).status === 0;
}

async function mayMount(): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'quorate-mount-'));
  const mounted = mountTemporary(folder, MEGABYTE);
  if (mounted) spawnSync('umount', [folder]);
  await rm(folder, { recursive: true });
  return mounted;
}

async function largestFile(folder: string): Promise<number> {
  let largest = 0;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) largest = Math.max(largest, await largestFile(path));
    else if (entry.isFile()) largest = Math.max(largest, (await stat(path)).size);
  }
  return largest;
}

const permitted = await mayMount();

describe('a full disk', () => {
  it.runIf(permitted)(
    'stops every validator with disk/full, and loses nothing that was acknowledged',
    { timeout: 240_000 },
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'quorate-full-'));
      expect(mountTemporary(folder, 48 * MEGABYTE)).toBe(true);
      onTestFinished(() => {
        // Hooks run in reverse order: the network is gone by now.
        spawnSync('umount', ['-l', folder]);
        return rm(folder, { recursive: true, force: true });
      });
      const network = await Network.create({ folder: join(folder, 'network') });
      await network.run();
      const payments = await Payments.open(network);
      payments.start();
      await payments.more(20);
      const { bavail, bsize } = await statfs(folder);
      const ballast = join(folder, 'ballast');
      await writeFile(ballast, new Uint8Array(bavail * bsize - 400_000));
      // Those that are left when a quorum has stopped write no further block: they may live.
      await Promise.any(network.nodes.map((node) => node.exited(120_000)));
      await new Promise((resolve) => setTimeout(resolve, 2000));
      const stopped = network.nodes.filter((node) => !node.isRunning || /disk\/full/.test(node.log()));
      expect(stopped.length).toBeGreaterThan(0);
      for (const node of stopped) {
        expect(await node.exited(30_000), node.log()).toEqual({ code: 74, signal: null });
        expect(node.log()).toMatch(/^quorate: disk\/full: .*make room and start again$/m);
      }
      await rm(ballast);
      for (const node of stopped) node.start();
      await network.progress(3, network.nodes);
      await payments.more(5);
      await audit(network, { payments });
    },
  );

  it('stops a validator whose files may not grow, and it comes back', { timeout: 180_000 }, async () => {
    const network = await Network.create();
    await network.run();
    const payments = await Payments.open(network);
    payments.start();
    await payments.more(5);
    const node = network.node(1);
    await node.stop();
    const limit = (await largestFile(node.home)) + 8192;
    node.start({ wrapper: ['prlimit', `--fsize=${limit}`] });
    expect(await node.exited(90_000), node.log()).toEqual({ code: 74, signal: null });
    expect(node.log()).toMatch(/^quorate: disk\/(failed|full): /m);
    node.start();
    await network.progress(3, network.nodes);
    await audit(network, { payments });
  });
});
