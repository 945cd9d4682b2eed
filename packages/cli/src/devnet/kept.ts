import { resolve } from 'node:path';
import { QuorateError } from '@quorate/kernel';
import { loadConfig, readConfigFile } from '@quorate/node';
import { type NetworkFlags, networkOf } from '../network-flags.ts';
import { openTestnet, type Testnet } from '../testnet.ts';

/** Ports of a new devnet move up by this when others are taken, so many times at most. */
const SHIFT = 1000;
const SHIFTS = 10;

/**
 * The network in the folder, to go on with. `said` names the flags that were typed: none of them may ask for another network than
 * the one that is there. Throws `config/invalid` with both values.
 */
export async function keptNetwork(
  folder: string,
  flags: NetworkFlags & { readonly app?: string },
  said: ReadonlySet<string>,
): Promise<Testnet> {
  const testnet = await openTestnet(folder);
  const asked = networkOf(flags);
  const { chainId, suite, consensus } = testnet.genesis;
  const { mechanism, delta, epochLength, upgradeHeight } = consensus;
  const { p2p, rpc, app } = await firstOf(testnet);
  const kept: readonly (readonly [flag: keyof typeof asked, name: string, kept: string | number])[] = [
    ['validators', '--validators', testnet.homes.length],
    ['suite', '--suite', suite],
    ['mechanism', '--mechanism', mechanism],
    ['chainId', '--chain-id', chainId],
    ['delta', '--delta', delta],
    ['epochLength', '--epoch-length', epochLength],
    ['upgradeHeight', '--upgrade-height', upgradeHeight],
  ];
  for (const [flag, name, is] of kept) if (said.has(flag) && asked[flag] !== is) refuse(folder, name, asked[flag], is);
  for (const [flag, name, is] of [['p2pPort', '--p2p-port', p2p] as const, ['rpcPort', '--rpc-port', rpc] as const])
    if (said.has(flag) && !isShifted(asked[flag], is)) refuse(folder, name, asked[flag], is);
  if (flags.app !== undefined && resolve(flags.app) !== app)
    refuse(folder, '--app', resolve(flags.app), app ?? 'the ledger, without an --app');
  return testnet;
}

/** The ports and the application of the first home. */
async function firstOf({ homes }: Testnet): Promise<{ p2p: number; rpc: number; app: string | null }> {
  const { config } = loadConfig({ file: await readConfigFile(homes[0]?.home ?? '') });
  const port = Number(config.p2p.listen.slice(config.p2p.listen.lastIndexOf(':') + 1));
  return { p2p: port, rpc: config.rpc.port, app: config.app };
}

function isShifted(from: number, to: number): boolean {
  return to >= from && (to - from) % SHIFT === 0 && to - from < SHIFTS * SHIFT;
}

function refuse(folder: string, flag: string, asked: string | number, kept: string | number): never {
  throw new QuorateError(
    'config/invalid',
    `${flag}: ${asked} is asked for, the network in ${folder} has ${kept}: leave the flag out to go on with that one, or --keep to make another in its place`,
  );
}
