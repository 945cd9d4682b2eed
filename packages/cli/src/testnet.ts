import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { createPureSuites, encryptKey, initialiseGate, type KeySealing, readKeyFile, sha256 } from '@quorate/crypto';
import {
  type ConsensusParameters,
  checkGenesis,
  type Genesis,
  QuorateError,
  type SecretKey,
  type SuiteName,
  toHex,
  ValidatorSet,
} from '@quorate/kernel';
import {
  addressOf,
  DEFAULT_PARAMETERS,
  encodeLedgerGenesis,
  formatAddress,
  leastUnbondingDelay,
} from '@quorate/ledger';
import {
  loadConfig,
  NodeDisk,
  parseAddress,
  readConfigFile,
  readGenesis,
  writeConfigFile,
  writeGenesis,
  writeKeyText,
} from '@quorate/node';
import { naming } from './output.ts';
import { writeKey } from './secrets.ts';

/** What a new network looks like. */
export interface TestnetOptions {
  readonly folder: string;
  readonly chainId: string;
  readonly validators: number;
  readonly suite: Exclude<SuiteName, 'simulated'>;
  readonly mechanism: string;
  /** Host of each validator; fewer take turns; all on this machine when empty. */
  readonly hosts: readonly string[];
  /** Host on which every node listens for peers, when that is not the one by which they dial it: behind NAT, in a container. */
  readonly listen?: string;
  /** Ports of the first validator; on one host each further one takes the next ten. */
  readonly p2pPort: number;
  readonly rpcPort: number;
  readonly delta: number;
  readonly epochLength: number;
  /** First height of protocol version 2; 0 for never. */
  readonly upgradeHeight: number;
  /** Name of the application, and its part of genesis when it is not the ledger. */
  readonly application: string;
  readonly sealing: KeySealing;
  /** Extra settings for every node's config.json, by section. */
  readonly config: Readonly<Record<string, unknown>>;
}

export interface TestnetHome {
  readonly name: string;
  readonly home: string;
  readonly rpc: string;
  readonly p2p: string;
}

export interface Testnet {
  readonly genesis: Genesis;
  readonly homes: readonly TestnetHome[];
  /** Key file of the account that owns the free tokens; null when the application is not the ledger. */
  readonly faucet: { readonly file: string; readonly address: string } | null;
}

/** Voting weight of each validator of a new network, and the free tokens of its faucet. */
const WEIGHT = 1000;
const FAUCET_BALANCE = 10n ** 18n;
const PORTS_PER_NODE = 10;
const MAX_PORT = 65_535;

interface Member {
  readonly name: string;
  readonly voting: SecretKey;
  readonly node: SecretKey;
  /** Where peers dial it, and where it listens. */
  readonly p2p: string;
  readonly listen: string;
  readonly rpcHost: string;
  readonly rpcPort: number;
}

/**
 * Makes keys, genesis and one home folder per validator in an empty folder. Throws `config/invalid` when it is not empty, there are
 * more hosts than validators or the ports do not suffice, `genesis/invalid` when no node would start from it.
 */
export async function createTestnet(options: TestnetOptions): Promise<Testnet> {
  const { folder, chainId, sealing } = options;
  const places = placesOf(options);
  const last = Math.max(...places.map(({ shift }) => shift));
  const port = Math.max(options.p2pPort, options.rpcPort) + last;
  if (port > MAX_PORT)
    throw new QuorateError('config/invalid', `port ${port} is above ${MAX_PORT}: begin with a lower one`);
  const suites = createPureSuites();
  const members = places.map(({ host, shift }, index): Member => {
    return {
      name: `validator-${index}`,
      voting: suites.get(options.suite).secretFromSeed(randomBytes(32)),
      node: suites.get('ed25519').secretFromSeed(randomBytes(32)),
      p2p: dialled(host, options.p2pPort + shift),
      listen: addressAt('--listen', options.listen ?? host, options.p2pPort + shift),
      rpcHost: '127.0.0.1',
      rpcPort: options.rpcPort + shift,
    };
  });
  const faucetKey = suites.get('ed25519').secretFromSeed(randomBytes(32));
  const genesis = genesisOf(options, members, faucetKey);
  // What no node would start from is refused before anything is written.
  checkGenesis(genesis, suites.get(options.suite));
  await naming('', mkdir(folder, { recursive: true, mode: 0o700 }));
  if ((await naming('', readdir(folder))).length > 0) {
    throw new QuorateError('config/invalid', `${folder} is not empty: name a new folder, keys are never overwritten`);
  }
  const homes: TestnetHome[] = [];
  for (const member of members) {
    const home = join(folder, member.name);
    await writeGenesis(home, genesis);
    await writeConfigFile(home, {
      ...options.config,
      p2p: { ...section(options.config, 'p2p'), listen: member.listen },
      rpc: { ...section(options.config, 'rpc'), host: member.rpcHost, port: member.rpcPort },
    });
    await writeKeyText(home, 'validator', encryptKey(member.voting, 'validator', sealing));
    await writeKeyText(home, 'node', encryptKey(member.node, 'node', sealing));
    const disk = await NodeDisk.open(home);
    await initialiseGate({ chainId, secret: member.voting }, { disk });
    await disk.close();
    homes.push({ name: member.name, home, rpc: `http://${member.rpcHost}:${member.rpcPort}`, p2p: member.p2p });
  }
  if (options.application !== 'ledger') return { genesis, homes, faucet: null };
  const file = join(folder, 'faucet.json');
  await writeKey(file, encryptKey(faucetKey, 'account', sealing));
  return { genesis, homes, faucet: { file, address: formatAddress(sha256, addressOf(sha256, faucetKey.publicKey)) } };
}

/** Host of each validator, and how far its ports are from the first: whoever shares a host takes the next ones. */
function placesOf({ hosts, validators }: TestnetOptions): { readonly host: string; readonly shift: number }[] {
  if (hosts.length > validators) {
    const problem = `${hosts.length} hosts are named for --validators ${validators}: name one for each, or fewer that take turns`;
    throw new QuorateError('config/invalid', `--hosts: ${problem}`);
  }
  const onHost = new Map<string, number>();
  return Array.from({ length: validators }, (_, index) => {
    const host = hosts[index % Math.max(1, hosts.length)] ?? '127.0.0.1';
    const before = onHost.get(host) ?? 0;
    onHost.set(host, before + 1);
    return { host, shift: PORTS_PER_NODE * before };
  });
}

/** The testnet that {@link createTestnet} made in a folder. Throws `genesis/invalid` or `config/invalid` when there is none. */
export async function openTestnet(folder: string): Promise<Testnet> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => /^validator-\d+$/.test(name));
  if (names.length === 0) throw new QuorateError('config/invalid', `${folder} holds no network`);
  names.sort((a, b) => Number(a.slice(10)) - Number(b.slice(10)));
  const homes = await Promise.all(
    names.map(async (name): Promise<TestnetHome> => {
      const home = join(folder, name);
      const { config } = loadConfig({ file: await readConfigFile(home) });
      return { name, home, rpc: `http://${config.rpc.host}:${config.rpc.port}`, p2p: config.p2p.listen };
    }),
  );
  const file = join(folder, 'faucet.json');
  const key = await readFile(file, 'utf8').then(readKeyFile, () => null);
  const faucet = key === null ? null : { file, address: formatAddress(sha256, addressOf(sha256, key.publicKey)) };
  return { genesis: await readGenesis(join(folder, names[0] ?? '')), homes, faucet };
}

/** `host:port`, with the brackets that an IPv6 address needs. Throws `config/invalid` naming the flag. */
function addressAt(flag: string, host: string, port: number): string {
  const address = isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
  if (parseAddress(address) === null) {
    throw new QuorateError(
      'config/invalid',
      `${flag}: ${JSON.stringify(host)} is no host: give a name or an IP address`,
    );
  }
  return address;
}

/** An address of {@link addressAt} that others can reach. */
function dialled(host: string, port: number): string {
  if (/^(0\.0\.0\.0|\[?::\]?)$/.test(host)) {
    const problem = 'is no host that peers can dial: name each by what reaches it, and listen there with --listen';
    throw new QuorateError('config/invalid', `--hosts: ${host} ${problem}`);
  }
  return addressAt('--hosts', host, port);
}

function section(config: Readonly<Record<string, unknown>>, name: string): object {
  const found = config[name];
  return typeof found === 'object' && found !== null ? found : {};
}

function genesisOf(options: TestnetOptions, members: readonly Member[], faucet: SecretKey): Genesis {
  const validators = new ValidatorSet(
    members.map(({ voting, node, p2p }) => ({
      publicKey: voting.publicKey,
      weight: WEIGHT,
      proof: voting.prove(),
      peer: toHex(node.publicKey),
      address: p2p,
    })),
  );
  const consensus: ConsensusParameters = {
    mechanism: options.mechanism,
    delta: options.delta,
    maxTimeout: 60_000,
    epochLength: options.epochLength,
    maxBlockBytes: 4 << 20,
    evidenceWindow: 100_000,
    upgradeHeight: options.upgradeHeight,
  };
  const ofLedger = options.application === 'ledger';
  return {
    chainId: options.chainId,
    time: Date.now(),
    suite: options.suite,
    consensus,
    validators,
    application: options.application,
    appState: ofLedger ? ledgerState(consensus, members, faucet) : new TextEncoder().encode('{}'),
  };
}

function ledgerState(consensus: ConsensusParameters, members: readonly Member[], faucet: SecretKey): Uint8Array {
  const owner = addressOf(sha256, faucet.publicKey);
  return encodeLedgerGenesis(sha256, {
    ...DEFAULT_PARAMETERS,
    unbondingDelay: Math.max(DEFAULT_PARAMETERS.unbondingDelay, leastUnbondingDelay(consensus)),
    accounts: [{ address: owner, balance: FAUCET_BALANCE }],
    stakes: members.map(({ voting }) => ({
      publicKey: voting.publicKey,
      owner,
      amount: BigInt(WEIGHT) * DEFAULT_PARAMETERS.stakeUnit,
    })),
  });
}
