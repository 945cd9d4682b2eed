import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPureSuites, decryptKey, encryptKey, readKeyFile } from '@quorate/crypto';
import { type Genesis, type SecretKey, toHex, ValidatorSet } from '@quorate/kernel';
import { readConfigFile, readKeyText, writeConfigFile, writeGenesis, writeKeyText } from '@quorate/node';
import { onTestFailed, onTestFinished } from 'vitest';
import { createTestnet } from '../../packages/cli/src/testnet.ts';
import { Links } from './links.ts';
import type { Namespaces } from './namespaces.ts';
import { NodeProcess, type StartOptions, until } from './process.ts';
import { Witness } from './witness.ts';

export interface NetworkOptions {
  readonly validators?: number;
  /** Weight of each validator, in units of what one has otherwise; all the same when not given. */
  readonly weights?: readonly number[];
  /** Small, so that a test is quick; large enough for a busy machine. */
  readonly delta?: number;
  readonly epochLength?: number;
  readonly upgradeHeight?: number;
  readonly suite?: 'ed25519' | 'bls12-381';
  /** A module with an application, and the name that genesis gives it. */
  readonly app?: { readonly path: string; readonly name: string };
  /** Connections between nodes go through proxies of the test, which can cut them. */
  readonly proxied?: boolean;
  /** Every node in a network namespace of its own. */
  readonly namespaces?: Namespaces;
  /** Further settings of every node, by section. */
  readonly config?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Ledger parameters other than the default ones. */
  readonly appState?: Readonly<Record<string, unknown>>;
  /** What genesis says of its time, ms; the moment of its making otherwise. */
  readonly genesisTime?: number;
  /** Folder to put the network in; a temporary one otherwise. */
  readonly folder?: string;
}

const PORTS_PER_NODE = 10;
/** Below the range from which the system takes ports for outgoing connections. */
const PORTS = { from: 11_000, to: 26_000 };
/** One for each test file that may run at a time. */
const SHARES = 6;

/** A network of real processes on this machine. It ends with its test, whatever becomes of that. */
export class Network {
  readonly folder: string;
  /** Where the processes write what they say. */
  readonly logs: string;
  readonly genesis: Genesis;
  /** Genesis validators first, in the order of their names; then what was added. */
  readonly nodes: NodeProcess[] = [];
  readonly witness = new Witness();
  readonly links: Links | null;
  readonly faucet: SecretKey | null;
  readonly config: Readonly<Record<string, unknown>>;
  #nextPort: number;
  #lastWords = '';

  private constructor(parts: {
    folder: string;
    logs: string;
    genesis: Genesis;
    links: Links | null;
    faucet: SecretKey | null;
    config: Readonly<Record<string, unknown>>;
    nextPort: number;
  }) {
    this.folder = parts.folder;
    this.logs = parts.logs;
    this.genesis = parts.genesis;
    this.links = parts.links;
    this.faucet = parts.faucet;
    this.config = parts.config;
    this.#nextPort = parts.nextPort;
  }

  /** Makes homes and keys; nothing runs yet. Everything is killed and removed when the test of the caller ends. */
  static async create(options: NetworkOptions = {}): Promise<Network> {
    const { weights } = options;
    const {
      validators = weights?.length ?? 4,
      delta = 200,
      epochLength = 10_000,
      upgradeHeight = 0,
      app,
      namespaces,
    } = options;
    const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'quorate-e2e-')));
    const port = await freePorts(PORTS_PER_NODE * (validators + 4));
    const config = {
      ...options.config,
      rpc: { requestsPerSecond: 0, ...options.config?.rpc },
      log: { level: 'info', format: 'json', ...options.config?.log },
      ...(app === undefined ? {} : { app: app.path }),
    };
    const testnet = await createTestnet({
      folder: join(folder, 'homes'),
      chainId: 'e2e',
      validators,
      suite: options.suite ?? 'ed25519',
      mechanism: 'simplex',
      hosts: namespaces === undefined ? [] : Array.from({ length: validators }, (_, i) => namespaces.host(i)),
      p2pPort: port,
      rpcPort: port + 1,
      delta,
      epochLength,
      upgradeHeight,
      application: app?.name ?? 'ledger',
      sealing: { plain: true },
      config,
    });
    const voting = await Promise.all(testnet.homes.map(({ home }) => votingKeyOf(home)));
    const genesis = changed(testnet.genesis, options, voting);
    const { faucet } = testnet;
    const network = new Network({
      folder,
      logs: await mkdtemp(join(tmpdir(), 'quorate-e2e-logs-')),
      genesis,
      links: options.proxied === true ? new Links() : null,
      faucet: faucet === null ? null : await readAccountKey(faucet.file),
      config,
      nextPort: port + PORTS_PER_NODE * validators,
    });
    onTestFinished(() => network.close());
    // Runs after the network was closed.
    onTestFailed(() => void process.stderr.write(network.#lastWords));
    for (const [index, { name, home, rpc, p2p }] of testnet.homes.entries()) {
      await writeGenesis(home, genesis);
      const peer = toHex((await readNodeKey(home)).publicKey);
      const url = namespaces === undefined ? rpc : `http://${namespaces.askingHost(index)}:${port + 1}`;
      if (namespaces !== undefined) await changeConfig(home, { rpc: { host: namespaces.askingHost(index) } });
      network.nodes.push(new NodeProcess({ name, home, rpc: url, listen: p2p, peer, logFile: network.#logOf(name) }));
    }
    if (network.links !== null) for (const node of network.nodes) await network.#dialThroughLinks(node);
    return network;
  }

  /** The node number `index`. */
  node(index: number): NodeProcess {
    const node = this.nodes[index];
    if (node === undefined) throw new RangeError(`there is no node ${index}`);
    return node;
  }

  startAll(options: StartOptions = {}): void {
    for (const node of this.nodes) if (!node.isRunning) node.start(options);
  }

  /** Everything up, and a first block final everywhere. */
  async run(options: StartOptions = {}): Promise<void> {
    this.startAll(options);
    await this.reach(1);
  }

  /** Makes a home without a voting key and returns its node, not started. It dials every validator. */
  async addObserver(
    name: string,
    config: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {},
  ): Promise<NodeProcess> {
    const home = join(this.folder, 'homes', name);
    const port = this.#nextPort;
    this.#nextPort += PORTS_PER_NODE;
    const key = createPureSuites()
      .get('ed25519')
      .secretFromSeed(crypto.getRandomValues(new Uint8Array(32)));
    const peers = this.nodes.map(({ peer, listen }) => `${peer}@${listen}`);
    const { rpc } = this.config;
    await mkdir(home, { recursive: true });
    await writeGenesis(home, this.genesis);
    await writeConfigFile(home, {
      ...this.config,
      ...config,
      p2p: { listen: `127.0.0.1:${port}`, peers, ...config.p2p },
      rpc: { ...(typeof rpc === 'object' ? rpc : {}), host: '127.0.0.1', port: port + 1 },
    });
    await writeKeyText(home, 'node', encryptKey(key, 'node', { plain: true }));
    const rpcUrl = `http://127.0.0.1:${port + 1}`;
    const node = new NodeProcess({
      name,
      home,
      rpc: rpcUrl,
      listen: `127.0.0.1:${port}`,
      peer: toHex(key.publicKey),
      logFile: this.#logOf(name),
    });
    this.nodes.push(node);
    return node;
  }

  /** A second home with the same keys, on ports of its own: what nobody should ever start beside the first. */
  async copy(of: NodeProcess, name: string): Promise<NodeProcess> {
    const home = join(this.folder, 'homes', name);
    await cp(of.home, home, { recursive: true, filter: (path) => !/\.lock|admin\.sock/.test(path) });
    const port = this.#nextPort;
    this.#nextPort += PORTS_PER_NODE;
    await changeConfig(home, { p2p: { listen: `127.0.0.1:${port}` }, rpc: { port: port + 1 } });
    const rpc = `http://127.0.0.1:${port + 1}`;
    const node = new NodeProcess({
      name,
      home,
      rpc,
      listen: `127.0.0.1:${port}`,
      peer: of.peer,
      logFile: this.#logOf(name),
    });
    this.nodes.push(node);
    return node;
  }

  /** The voting key of a validator's home. */
  async votingKey(node: NodeProcess): Promise<SecretKey> {
    const text = await readKeyText(node.home, 'validator');
    if (text === null) throw new Error(`${node.name} has no voting key`);
    return decryptKey(text, 'validator', null, createPureSuites());
  }

  get running(): NodeProcess[] {
    return this.nodes.filter((node) => node.isRunning);
  }

  async heights(nodes: readonly NodeProcess[] = this.running): Promise<number[]> {
    return Promise.all(nodes.map((node) => node.height()));
  }

  /** Waits until the nodes have finalized `height`. */
  async reach(height: number, nodes: readonly NodeProcess[] = this.running, patience = 60_000): Promise<void> {
    let heights: number[] = [];
    await until(
      `height ${height} at ${nodes.map(({ name }) => name).join(', ')}`,
      async () => {
        for (const node of nodes) if (!node.isRunning) throw new Error(`${node.name} ended by itself:\n${tail(node)}`);
        heights = await this.heights(nodes);
        return heights.every((at) => at >= height);
      },
      patience,
    ).catch((error: Error) => {
      throw new Error(`${error.message} (they are at ${heights.join(', ')})`);
    });
  }

  /** Waits until the nodes have all finalized `blocks` more than the highest of them has now. */
  async progress(blocks: number, nodes: readonly NodeProcess[] = this.running, patience = 60_000): Promise<void> {
    const top = await until('a node to answer', async () => {
      const best = Math.max(...(await this.heights(nodes)));
      return best >= 0 ? { best } : null;
    });
    await this.reach(top.best + blocks, nodes, patience);
  }

  /** Cuts the power of the nodes and keeps what they had signed. */
  async kill(nodes: readonly NodeProcess[]): Promise<void> {
    await Promise.all(nodes.map((node) => node.kill()));
    for (const node of nodes) await this.witness.look(node.home, this.genesis);
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()));
    this.#lastWords = this.nodes.map((node) => `--- ${node.name}\n${tail(node)}\n`).join('');
    await this.links?.close();
    for (const folder of [this.folder, this.logs]) await rm(folder, { recursive: true, force: true });
  }

  #logOf(name: string): string {
    return join(this.logs, `${name}.log`);
  }

  async #dialThroughLinks(node: NodeProcess): Promise<void> {
    const { links } = this;
    if (links === null) return;
    const others = this.nodes.filter((other) => other !== node);
    const peers = await Promise.all(
      others.map(async (other) => `${other.peer}@${await links.open(node.name, other.name, other.listen)}`),
    );
    await changeConfig(node.home, { p2p: { peers } });
  }
}

function tail(node: NodeProcess): string {
  return node.log().trimEnd().split('\n').slice(-12).join('\n').slice(-6000);
}

/**
 * Genesis as the options want it: no addresses when proxies stand in between, other weights, with the stake that gives them, other
 * parameters of the ledger. `voting` are the voting keys in the order of the homes.
 */
function changed(genesis: Genesis, options: NetworkOptions, voting: readonly string[]): Genesis {
  const times = (publicKey: string): number => options.weights?.[voting.indexOf(publicKey)] ?? 1;
  const members = genesis.validators.members.map((member) => ({
    ...member,
    weight: member.weight * times(toHex(member.publicKey)),
    address: options.proxied === true ? '' : member.address,
  }));
  const state: { stakes?: { publicKey: string; amount: string }[] } = JSON.parse(
    new TextDecoder().decode(genesis.appState),
  );
  const stakes = state.stakes?.map((stake) => ({
    ...stake,
    amount: String(BigInt(stake.amount) * BigInt(times(stake.publicKey))),
  }));
  return {
    ...genesis,
    time: options.genesisTime ?? genesis.time,
    validators: new ValidatorSet(members),
    appState:
      options.appState === undefined && options.weights === undefined
        ? genesis.appState
        : new TextEncoder().encode(JSON.stringify({ ...state, stakes, ...options.appState })),
  };
}

/** Changes settings in a home's configuration file, section by section. */
export async function changeConfig(
  home: string,
  changes: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
): Promise<void> {
  const value: Record<string, object> = { ...Object((await readConfigFile(home))?.value) };
  for (const [section, settings] of Object.entries(changes)) value[section] = { ...value[section], ...settings };
  await writeConfigFile(home, value);
}

async function readAccountKey(file: string): Promise<SecretKey> {
  return decryptKey(await readFile(file, 'utf8'), 'account', null, createPureSuites());
}

/** The public voting key of a home, in hexadecimal. */
async function votingKeyOf(home: string): Promise<string> {
  return toHex(readKeyFile((await readKeyText(home, 'validator')) ?? '').publicKey);
}

/** The node key of a home. */
export async function readNodeKey(home: string): Promise<SecretKey> {
  const text = await readKeyText(home, 'node');
  if (text === null) throw new Error(`${home} has no node key`);
  return decryptKey(text, 'node', null, createPureSuites());
}

/**
 * The first of `count` ports in a row that are free, in the share of this worker: the ports of a killed node must not look free to
 * another test that runs beside this one.
 */
async function freePorts(count: number): Promise<number> {
  const share = Number(process.env.VITEST_POOL_ID ?? 0) % SHARES;
  const width = Math.floor((PORTS.to - PORTS.from) / SHARES);
  for (let attempt = 0; attempt < 100; attempt++) {
    const first = PORTS.from + share * width + Math.floor(Math.random() * (width - count));
    const free = await Promise.all(Array.from({ length: count }, (_, i) => isFree(first + i)));
    if (free.every(Boolean)) return first;
  }
  throw new Error(`no ${count} free ports in a row`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
