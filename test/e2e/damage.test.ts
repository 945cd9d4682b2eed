import { cp, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fromBase64 } from '@quorate/client';
import { gateFile } from '@quorate/crypto';
import { describe, expect, it } from 'vitest';
import { readRecords } from '../../packages/crypto/src/gate/records.ts';
import { audit } from './audit.ts';
import { Network } from './network.ts';
import { Payments } from './payments.ts';
import { type NodeProcess, quorate, until } from './process.ts';

/** The one live segment of a stopped node's journal. */
async function segmentOf(node: NodeProcess): Promise<string> {
  const names = (await readdir(join(node.home, 'journal'))).sort();
  return join(node.home, 'journal', names[names.length - 1] ?? '');
}

/** What the process said on its way out: the lines that are not structured log. */
function lastWords(node: NodeProcess, from: number): string[] {
  return node
    .log(from)
    .trim()
    .split('\n')
    .filter((line) => !line.startsWith('{'));
}

/** Bytes of the epochs in which a home's gate has signed. */
async function signedEpochs(network: Network, node: NodeProcess): Promise<number[]> {
  const name = gateFile({ chainId: network.genesis.chainId, publicKey: (await network.votingKey(node)).publicKey });
  const bytes = await readFile(join(node.home, name));
  return readRecords(name, bytes).records.flatMap((record) =>
    record.kind === 'signed' ? [record.statement.epoch] : [],
  );
}

describe('damage on disk', () => {
  it('cuts a torn journal tail and goes on', { timeout: 180_000 }, async () => {
    const network = await Network.create();
    await network.run();
    const payments = await Payments.open(network);
    payments.start();
    for (const cut of [1, 7, 40]) {
      await payments.more(5);
      const node = network.node(cut % 4);
      await network.kill([node]);
      const segment = await segmentOf(node);
      await truncate(segment, (await readFile(segment)).length - cut);
      const from = node.logEnd;
      node.start();
      await network.progress(2, network.nodes);
      expect(node.log(from)).toContain('the journal ended in a torn record, which was cut');
    }
    await audit(network, { payments });
  });

  it('refuses a journal with a flipped bit in its middle, and starts without the journal', {
    timeout: 180_000,
  }, async () => {
    const network = await Network.create();
    await network.run();
    await network.progress(10);
    const node = network.node(0);
    await network.kill([node]);
    const segment = await segmentOf(node);
    const sound = await readFile(segment);
    for (const part of [0.1, 0.5, 0.8]) {
      const damaged = new Uint8Array(sound);
      const at = 42 + Math.floor(part * (sound.length - 42));
      damaged[at] = (damaged[at] ?? 0) ^ 4;
      await writeFile(segment, damaged);
      const from = node.logEnd;
      node.start();
      expect(await node.exited()).toEqual({ code: 65, signal: null });
      expect(lastWords(node, from)).toEqual([expect.stringMatching(/^quorate: journal\/corrupt: /)]);
    }
    await rename(join(node.home, 'journal'), join(node.home, 'journal-damaged')); // as the message says
    node.start();
    await network.progress(3, network.nodes);
    await audit(network);
  });

  it('finds every flipped bit in a stored block, and answers with none of them', { timeout: 180_000 }, async () => {
    const network = await Network.create({ validators: 1 });
    await network.run();
    const payments = await Payments.open(network);
    payments.start();
    await payments.more(10);
    await payments.stop();
    const node = network.node(0);
    const paid = payments.acknowledged[4];
    if (paid === undefined) throw new Error('no payment');
    const { transactions } = await node.client.block(paid.height);
    const marker = Buffer.from(fromBase64(transactions[0] ?? ''));
    await network.progress(2);
    expect(await node.stop()).toEqual({ code: 0, signal: null });
    const file = join(node.home, 'blocks', 'data.mdb');
    const sound = await readFile(file);
    for (const offset of [0, 20, marker.length - 1]) {
      const damaged = Buffer.from(sound);
      let flipped = 0;
      for (let at = damaged.indexOf(marker); at >= 0; at = damaged.indexOf(marker, at + 1)) {
        damaged[at + offset] = (damaged[at + offset] ?? 0) ^ 1;
        flipped++;
      }
      expect(flipped).toBeGreaterThan(0);
      await writeFile(file, damaged);
      const diagnosis = await quorate(['doctor', '--home', node.home, '--json']);
      expect(diagnosis.code).toBe(1);
      const found: { findings: { check: string; ok: boolean }[] } = JSON.parse(diagnosis.stdout);
      expect(found.findings.find(({ check }) => check === 'records')).toMatchObject({ ok: false });
      // A node on this disk says so, or stops; it never hands the damaged bytes out.
      node.start();
      const answer = await until('an answer or an end', async () => {
        if (!node.isRunning) return 'ended' as const;
        return node.client.block(paid.height).then(
          (block) => block.transactions,
          (error: Error) => (/cannot be reached/.test(error.message) ? null : ('refused' as const)),
        );
      });
      expect(['ended', 'refused']).toContain(answer);
      await node.kill();
    }
    await writeFile(file, sound);
    node.start();
    await network.progress(2);
    await audit(network, { payments });
  });

  it('survives flipped bits anywhere in the store: starts sound, or stops with a typed error', {
    timeout: 240_000,
  }, async () => {
    const network = await Network.create({ validators: 1 });
    await network.run();
    await network.progress(20);
    const node = network.node(0);
    const top = await node.height();
    const digests = await Promise.all([1, 5, top].map(async (height) => (await node.client.header(height)).digest));
    await node.stop();
    const store = join(node.home, 'blocks');
    await cp(store, join(network.folder, 'sound'), { recursive: true });
    const sound = await readFile(join(store, 'data.mdb'));
    for (let turn = 0; turn < 8; turn++) {
      const damaged = Buffer.from(sound);
      const at = Math.floor(((turn + 0.5) / 8) * damaged.length);
      damaged[at] = (damaged[at] ?? 0) ^ (1 << (turn % 8));
      await writeFile(join(store, 'data.mdb'), damaged);
      const diagnosis = await quorate(['doctor', '--home', node.home, '--json']);
      // No crash of the process: a signal would leave no code.
      expect([0, 1]).toContain(diagnosis.code);
      const from = node.logEnd;
      node.start();
      const read = await until('an answer or an end', async () => {
        if (!node.isRunning) return 'ended' as const;
        const answers = await Promise.all(
          [1, 5, top].map((height) =>
            node.client.header(height, { timeoutMs: 2000 }).then(
              ({ digest }) => digest,
              (error: Error) => (/cannot be reached/.test(error.message) ? null : 'refused'),
            ),
          ),
        );
        return answers.includes(null) ? null : answers;
      });
      if (read === 'ended') {
        expect(await node.exited(), `bit ${turn % 8} of byte ${at}:\n${node.log(from)}`).toEqual({
          code: 65,
          signal: null,
        });
        expect(lastWords(node, from)).toEqual([expect.stringMatching(/^quorate: store\/corrupt: /)]);
        expect(diagnosis.code, diagnosis.stdout).toBe(1);
      } else for (const [i, digest] of read.entries()) expect([digests[i], 'refused']).toContain(digest);
      await node.kill();
    }
  });

  it('observes after the loss of its gate file until the next epoch, then votes again', {
    timeout: 240_000,
  }, async () => {
    const network = await Network.create({ epochLength: 30 });
    await network.run();
    const payments = await Payments.open(network);
    payments.start();
    const node = network.node(2);
    await network.kill([node]);
    await rm(join(node.home, 'gate'), { recursive: true });
    const from = node.logEnd;
    node.start();
    await network.progress(2, network.nodes);
    expect(node.log(from)).toContain('observing until the next epoch boundary');
    const { epoch, silent } = await node.client.status();
    expect(silent).toMatch(/record of what this key signed/);
    expect((await signedEpochs(network, node)).filter((signed) => signed <= epoch)).toEqual([]);
    await network.reach(30 * (epoch + 1) + 5, network.nodes, 90_000);
    const voted = await until('the validator to vote again', async () => {
      const epochs = await signedEpochs(network, node);
      return epochs.length > 0 ? epochs : null;
    });
    expect(Math.min(...voted)).toBeGreaterThan(epoch);
    expect((await node.client.status()).silent).toBeNull();
    await audit(network, { payments });
  });

  it('refuses the gate file of another key', { timeout: 120_000 }, async () => {
    const network = await Network.create();
    const [own, other] = [network.node(0), network.node(1)];
    const nameOf = async (node: NodeProcess) =>
      gateFile({ chainId: network.genesis.chainId, publicKey: (await network.votingKey(node)).publicKey });
    await cp(join(other.home, await nameOf(other)), join(own.home, await nameOf(own)));
    own.start();
    expect(await own.exited()).toEqual({ code: 77, signal: null });
    expect(lastWords(own, 0)).toEqual([expect.stringMatching(/^quorate: gate\/foreign-key: /)]);
  });
});
