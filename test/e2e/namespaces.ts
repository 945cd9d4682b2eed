import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';

function ip(...args: string[]): boolean {
  return spawnSync('ip', args, { stdio: 'ignore' }).status === 0;
}

/**
 * A little network of the kernel's own: one namespace per node on two bridges, which a cable joins or does not, and a third
 * bridge on which this process asks the nodes. Everything has names of its own and is removed by {@link close}; whatever else
 * is on the machine is left alone.
 */
export class Namespaces {
  readonly #id: string;
  /** First three numbers of the nodes' own network, and of the one on which they are asked. */
  readonly #net: string;
  readonly #asking: string;
  readonly #names: string[] = [];

  private constructor(id: string, subnet: number) {
    this.#id = id;
    this.#net = `10.213.${subnet}`;
    this.#asking = `10.214.${subnet}`;
  }

  /** Null where the system does not permit it. */
  static create(nodes: number): Namespaces | null {
    const id = randomBytes(3).toString('hex');
    const made = new Namespaces(id, Math.floor(Math.random() * 250));
    if (made.#build(nodes)) return made;
    made.close();
    return null;
  }

  #build(nodes: number): boolean {
    const [left, right, asking] = [`qa${this.#id}`, `qb${this.#id}`, `qm${this.#id}`];
    for (const bridge of [left, right, asking])
      if (!ip('link', 'add', bridge, 'type', 'bridge') || !ip('link', 'set', bridge, 'up')) return false;
    if (!ip('addr', 'add', `${this.#asking}.254/24`, 'dev', asking)) return false;
    // The cable between the halves.
    if (!ip('link', 'add', `qc${this.#id}`, 'type', 'veth', 'peer', 'name', `qd${this.#id}`)) return false;
    if (!ip('link', 'set', `qc${this.#id}`, 'master', left) || !ip('link', 'set', `qd${this.#id}`, 'master', right)) {
      return false;
    }
    for (let node = 0; node < nodes; node++) {
      const name = `q${this.#id}n${node}`;
      if (!ip('netns', 'add', name)) return false;
      this.#names.push(name);
      const side = node < nodes / 2 ? left : right;
      const plugged =
        this.#plug(name, `qo${this.#id}${node}`, side, `${this.host(node)}/24`) &&
        this.#plug(name, `qk${this.#id}${node}`, asking, `${this.askingHost(node)}/24`);
      if (!plugged || !ip('-n', name, 'link', 'set', 'lo', 'up')) return false;
    }
    return this.join();
  }

  #plug(namespace: string, outer: string, bridge: string, address: string): boolean {
    const inner = `${outer}i`;
    return (
      ip('link', 'add', outer, 'type', 'veth', 'peer', 'name', inner) &&
      ip('link', 'set', outer, 'master', bridge) &&
      ip('link', 'set', outer, 'up') &&
      ip('link', 'set', inner, 'netns', namespace) &&
      ip('-n', namespace, 'addr', 'add', address, 'dev', inner) &&
      ip('-n', namespace, 'link', 'set', inner, 'up')
    );
  }

  /** Address of a node for its peers. */
  host(node: number): string {
    return `${this.#net}.${node + 1}`;
  }

  /** Address of a node for this process: the cut does not reach it. */
  askingHost(node: number): string {
    return `${this.#asking}.${node + 1}`;
  }

  /** The command that runs another one in a node's namespace. */
  inside(node: number): string[] {
    return ['ip', 'netns', 'exec', this.#names[node] ?? ''];
  }

  join(): boolean {
    return ip('link', 'set', `qc${this.#id}`, 'up') && ip('link', 'set', `qd${this.#id}`, 'up');
  }

  /** Pulls the cable: packets get lost, nobody is told. */
  cut(): boolean {
    return ip('link', 'set', `qc${this.#id}`, 'down');
  }

  close(): void {
    for (const name of this.#names.splice(0)) ip('netns', 'del', name);
    for (const link of [`qc${this.#id}`, `qa${this.#id}`, `qb${this.#id}`, `qm${this.#id}`]) ip('link', 'del', link);
  }
}
