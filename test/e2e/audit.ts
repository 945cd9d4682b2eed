import { fromBase64 } from '@quorate/client';
import { sha256 } from '@quorate/crypto';
import { fromHex } from '@quorate/kernel';
import { decodeAccount, parseAddress } from '@quorate/ledger';
import { expect } from 'vitest';
import type { Network } from './network.ts';
import type { Payments } from './payments.ts';
import { type NodeProcess, until } from './process.ts';

const ABREAST = 32;

/**
 * What must hold at the end of every test, whatever happened before: all nodes have the same blocks and state roots at the
 * same heights, nothing that was acknowledged as final is lost or moved, and nobody signed two things that exclude each other.
 */
export async function audit(
  network: Network,
  options: { readonly payments?: Payments; readonly nodes?: readonly NodeProcess[]; readonly from?: number } = {},
): Promise<void> {
  const { payments, nodes = network.running, from = 1 } = options;
  await payments?.stop();
  const acknowledged = payments?.acknowledged ?? [];
  const top = acknowledged.reduce(
    (most, { height }) => Math.max(most, height),
    Math.max(...(await network.heights(nodes))),
  );
  await network.reach(top, nodes);
  await until(`everybody to have executed height ${top}`, async () => {
    const statuses = await Promise.all(nodes.map((node) => node.client.status()));
    return statuses.every(({ executedHeight }) => executedHeight >= top);
  });
  await sameChain(nodes, from, top);
  for (const node of nodes) {
    for (let at = 0; at < acknowledged.length; at += ABREAST) {
      await Promise.all(
        acknowledged.slice(at, at + ABREAST).map(async ({ id, height, index }) => {
          const found = await node.client.transaction(id);
          expect(found, `${node.name} about an acknowledged payment`).toMatchObject({ status: 'final', height, index });
        }),
      );
    }
    for (const payer of payments?.payers ?? []) {
      const balance = await balanceOf(node, payer.receiver);
      const possible = [payer.paid, payer.paid + payer.doubtful];
      expect(possible, `${node.name}: ${balance} paid, acknowledged ${payer.paid}`).toContain(balance);
    }
    const { evidence } = await node.client.evidence();
    expect(evidence, `evidence at ${node.name}`).toEqual([]);
  }
  await noConflicts(network);
}

/** The committed balance of an account as a node has it. */
async function balanceOf(node: NodeProcess, address: string): Promise<bigint> {
  const data = Buffer.from(parseAddress(sha256, address)).toString('base64');
  const { value } = await node.client.query({ path: 'account', data });
  return value === '' ? 0n : decodeAccount(fromBase64(value)).balance;
}

/** Who signed the certificate that makes a block final. */
export async function signersOf(node: NodeProcess, height: number): Promise<number[]> {
  const { finality } = await node.client.block(height);
  if (finality.grade !== 'final') throw new Error(`${node.name}: block ${height} is ${finality.grade}`);
  const bitmap = fromHex(finality.certificate.signers);
  return Array.from({ length: 8 * bitmap.length }, (_, signer) => signer).filter(
    (signer) => ((bitmap[signer >> 3] ?? 0) & (1 << (signer & 7))) !== 0,
  );
}

/** Block for block, the nodes have the same chain. */
export async function sameChain(nodes: readonly NodeProcess[], from: number, to: number): Promise<void> {
  const [first, ...others] = nodes;
  for (let at = from; at <= to; at += ABREAST) {
    const heights = Array.from({ length: Math.min(ABREAST, to - at + 1) }, (_, i) => at + i);
    const read = (node: NodeProcess | undefined) =>
      Promise.all(
        heights.map(async (height) => {
          const answer = await node?.client.header(height);
          return { height, digest: answer?.digest, stateRoot: answer?.header.stateRoot };
        }),
      );
    const expected = await read(first);
    for (const other of others) expect(await read(other), `${other.name} and ${first?.name}`).toEqual(expected);
  }
}

/** Nobody's gate ever signed two statements that exclude each other. */
export async function noConflicts(network: Network): Promise<void> {
  for (const { home } of network.nodes) await network.witness.look(home, network.genesis);
  expect(network.witness.signatures).toBeGreaterThan(0);
  expect(network.witness.conflicts).toEqual([]);
}
