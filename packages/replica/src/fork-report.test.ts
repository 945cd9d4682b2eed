import {
  type Certificate,
  certify,
  decode,
  evidenceCodec,
  evidenceFault,
  fromHex,
  type Statement,
  signedBytes,
  toHex,
} from '@quorate/kernel';
import { type ForkJson, finalityClaimCodec } from '@quorate/light';
import { simulatedSuite } from '@quorate/sim';
import { describe, expect, test } from 'vitest';
import { BlockStore } from './block-store.ts';
import { ChainFixture, Fate, type Made, MemoryDisk, sha256 } from './chain.fixture.ts';
import { FORK_FILE } from './fork-report.ts';
import type { FinalizedEntry } from './store-finality.ts';

const suite = simulatedSuite();

/** A store that holds the fixture's chain of three heights as final, each block signed by validators 0 to 2 of 4. */
async function forked(): Promise<{ chain: ChainFixture; disk: MemoryDisk; fate: Fate; store: BlockStore }> {
  const chain = new ChainFixture(suite);
  chain.grow(3);
  const [disk, fate] = [new MemoryDisk(), new Fate()];
  const store = await BlockStore.open({ genesis: chain.genesis }, { disk: disk.port(fate), hash: sha256, suite });
  await store.adoptGenesis(chain.start, chain.genesis.validators, chain.genesis.time);
  for (const { block, body } of chain.made) await store.put(block, body);
  await store.finalize(chain.made.map(({ block }) => signed(chain, block, [0, 1, 2])));
  return { chain, disk, fate, store };
}

function signed(chain: ChainFixture, block: Made['block'], signers: number[]): FinalizedEntry {
  const entry = chain.entry(block, block, chain.certificate(block, signers));
  return { ...entry, commit: { ...entry.commit, justification: [] } };
}

/** The Nullification of a view. */
function skipped(chain: ChainFixture, view: number, signers: number[]): Certificate {
  const statement: Statement = { kind: 'nullify', epoch: 0, view };
  const votes = signers.map((signer) => {
    const key = chain.keys.find(({ publicKey }) => toHex(publicKey) === keyOf(chain, signer));
    const signature = key?.sign(signedBytes(chain.genesis.chainId, statement)) ?? new Uint8Array();
    return { statement, signer, signature };
  });
  return certify({ suite, validators: chain.setOf(0) }, votes);
}

function reportOn(disk: MemoryDisk): ForkJson {
  const report: ForkJson = JSON.parse(new TextDecoder().decode(disk.files.get(FORK_FILE)));
  return report;
}

const keyOf = (chain: ChainFixture, signer: number): string =>
  toHex(chain.setOf(0).at(signer)?.publicKey ?? new Uint8Array());

/** Why any evidence of a report convicts nobody. */
function faultsIn(chain: ChainFixture, report: ForkJson): (string | null)[] {
  const context = { chainId: chain.genesis.chainId, suite, validators: chain.setOf(0) };
  return report.evidence.map(({ evidence }) => evidenceFault(context, decode(evidenceCodec, fromHex(evidence))));
}

describe('a fork', () => {
  test('in one view names who signed both, in the error and in a durable file with evidence against each', async () => {
    const { chain, disk, store } = await forked();
    const { view } = chain.at(2).block.header;
    const rival = chain.proposeOn(chain.at(1).block, 1, ['rival'], { view });
    const error: unknown = await store.finalize([signed(chain, rival.block, [0, 2, 3])]).catch((reason) => reason);
    expect(error).toMatchObject({
      code: 'consensus/fork',
      message: expect.stringMatching(
        /contradicts .*validators with 2 of 4 weight signed both: .*fork\.json .* 2 pieces/,
      ),
    });
    for (const signer of [0, 2]) expect(String(error)).toContain(`${keyOf(chain, signer)} (1)`);
    expect(String(error)).not.toContain(keyOf(chain, 3));
    const report = reportOn(disk);
    expect(report).toMatchObject({ chainId: 'fixture', height: 2, weight: 2, total: 4, unattributable: null });
    expect(report.signersOfBoth.map(({ publicKey }) => publicKey)).toEqual([keyOf(chain, 0), keyOf(chain, 2)]);
    expect(report.evidence.map(({ kind, signer }) => [kind, signer])).toEqual([
      ['conflicting-finalize', 0],
      ['conflicting-finalize', 2],
    ]);
    expect(faultsIn(chain, report)).toEqual([null, null]);
    const [ours, theirs] = report.blocks.map(({ claim }) => decode(finalityClaimCodec, fromHex(claim)).headers[0]);
    expect([ours, theirs]).toEqual([chain.at(2).block.header, rival.block.header]);
  });

  test('between two views yields evidence by the Nullification with which the other side skipped ours', async () => {
    const { chain, disk, store } = await forked();
    const rival = chain.proposeOn(chain.at(1).block, 1, ['rival'], { view: 20 });
    const nullification = skipped(chain, chain.at(2).block.header.view, [1, 2, 3]);
    const entry = signed(chain, rival.block, [0, 2, 3]);
    const commit = { ...entry.commit, justification: [chain.certificate(chain.at(1).block), nullification] };
    // One signature that is none: whoever relayed the block spoiled it.
    const spoiled = { ...nullification, signature: Uint8Array.from(nullification.signature).fill(0, 0, 1) };
    await expect(store.finalize([{ ...entry, commit }])).rejects.toMatchObject({ code: 'consensus/fork' });
    const report = reportOn(disk);
    expect(report.evidence.map(({ kind, signer }) => [kind, signer])).toEqual([
      ['nullify-finalize', 1],
      ['nullify-finalize', 2],
    ]);
    expect(faultsIn(chain, report)).toEqual([null, null]);
    expect(report).toMatchObject({ weight: 2, unattributable: null });
    const bad = { ...entry.commit, justification: [spoiled] };
    await expect(store.finalize([{ ...entry, commit: bad }])).rejects.toMatchObject({ code: 'consensus/fork' });
    expect(reportOn(disk).evidence.map(({ signer }) => signer)).toEqual([2]);
  });

  test('between two views yields evidence by the Nullification with which our own side skipped theirs', async () => {
    const { chain, disk, store } = await forked();
    const next = chain.propose(['next'], { view: 30 });
    await store.put(next.block, next.body);
    const entry = signed(chain, next.block, [0, 1, 2]);
    const commit = { ...entry.commit, justification: [skipped(chain, 20, [0, 1, 2])] };
    await store.finalize([{ ...entry, commit }]);
    const rival = chain.proposeOn(chain.at(1).block, 1, ['rival'], { view: 20 });
    await expect(store.finalize([signed(chain, rival.block, [1, 2, 3])])).rejects.toMatchObject({
      code: 'consensus/fork',
    });
    const report = reportOn(disk);
    expect(report.evidence.map(({ kind, signer }) => [kind, signer])).toEqual([
      ['nullify-finalize', 1],
      ['nullify-finalize', 2],
    ]);
    expect(faultsIn(chain, report)).toEqual([null, null]);
  });

  test('between two views without one still names who signed both, and why no vote alone convicts', async () => {
    const { chain, disk, store } = await forked();
    const rival = chain.proposeOn(chain.at(1).block, 1, ['rival'], { view: 20 });
    const above = chain.proposeOn(rival.block, 2, ['above'], { view: 21 });
    for (const { block, body } of [above]) await store.put(block, body);
    const error: unknown = await store.finalize([signed(chain, above.block, [0, 2, 3])]).catch((reason) => reason);
    expect(error).toMatchObject({ code: 'consensus/fork', message: expect.stringContaining('2 of 4 weight') });
    const report = reportOn(disk);
    expect(report.evidence).toEqual([]);
    expect(report.unattributable).toMatch(/different views/);
    expect(report.signersOfBoth).toHaveLength(2);
  });

  test('within one batch, or that does not extend the tip, is told as well', async () => {
    const { chain, disk, store } = await forked();
    const next = chain.propose(['next']);
    const rival = chain.propose(['rival'], { view: next.block.header.view });
    for (const { block, body } of [next, rival]) await store.put(block, body);
    const both = [signed(chain, next.block, [0, 1, 2]), signed(chain, rival.block, [1, 2, 3])];
    await expect(store.finalize(both)).rejects.toMatchObject({ code: 'consensus/fork' });
    expect(reportOn(disk)).toMatchObject({ height: 4, signersOfBoth: [{ signer: 1 }, { signer: 2 }] });
    const stray = chain.proposeOn(chain.at(3).block, 3, ['x'], { parentDigest: rival.block.ref.digest });
    await store.put(stray.block, stray.body);
    await expect(store.finalize([signed(chain, stray.block, [0, 1, 3])])).rejects.toMatchObject({
      code: 'consensus/fork',
      message: expect.stringMatching(/does not extend .*2 of 4 weight signed both/),
    });
    expect(reportOn(disk)).toMatchObject({ signersOfBoth: [{ signer: 0 }, { signer: 1 }] });
  });

  test('of which only the certificate is known names who signed both, by the certificate it contradicts or by that of the tip', async () => {
    const { chain, disk, store } = await forked();
    const { view } = chain.at(3).block.header;
    const rival = chain.proposeOn(chain.at(2).block, 2, ['rival'], { view });
    const second = chain.certificate(rival.block, [0, 2, 3]);
    for (const first of [chain.certificate(chain.at(3).block, [0, 1, 2]), null]) {
      disk.files.clear();
      const error = await store.contradicted(first, second);
      expect(error).toMatchObject({
        code: 'consensus/fork',
        message: expect.stringMatching(/2 of 4 weight signed both/),
      });
      for (const signer of [0, 2]) expect(error.message).toContain(keyOf(chain, signer));
      const report = reportOn(disk);
      expect(report).toMatchObject({ height: 3, signersOfBoth: [{ signer: 0 }, { signer: 2 }] });
      expect(report.evidence.map(({ kind, signer }) => [kind, signer])).toEqual([
        ['conflicting-finalize', 0],
        ['conflicting-finalize', 2],
      ]);
      expect(faultsIn(chain, report)).toEqual([null, null]);
    }
  });

  test('is a fork also when nothing can be written any more', async () => {
    const { chain, fate, store } = await forked();
    fate.at = fate.count;
    const rival = chain.proposeOn(chain.at(1).block, 1, ['rival']);
    await expect(store.finalize([signed(chain, rival.block, [0, 1, 3])])).rejects.toMatchObject({
      code: 'consensus/fork',
      message: expect.stringMatching(/2 of 4 weight signed both: .*fork\.json could not be written/),
    });
  });
});
