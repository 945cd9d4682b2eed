import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';

function ip(...args: string[]): boolean {
  return spawnSync('ip', args, { stdio: 'ignore' }).status === 0;
}

/**
 * A little network of the kernel's own: one namespace per node on two bridges, which a cable joins or does not. Everything has
 * names of its own and is removed by {@link close}; whatever else is on the machine is left alone.
 */
export class Namespaces {
  readonly #id: string;
  readonly #net: string;
  readonly #names: string[] = [];

  private constructor(id: string, net: string) {
    this.#id = id;
    this.#net = net;
  }

  /** Null where the system does not permit it. */
  static create(nodes: number): Namespaces | null {
    const id = randomBytes(3).toString('hex');
    const made = new Namespaces(id, `10.${200 + Math.floor(Math.random() * 50)}.${Math.floor(Math.random() * 250)}`);
    if (made.#build(nodes)) return made;
    made.close();
    return null;
  }

  #build(nodes: number): boolean {
    const [left, right] = [`qa${this.#id}`, `qb${this.#id}`];
    for (const bridge of [left, right])
      if (!ip('link', 'add', bridge, 'type', 'bridge') || !ip('link', 'set', bridge, 'up')) return false;
    // The cable between the halves.
    if (!ip('link', 'add', `qc${this.#id}`, 'type', 'veth', 'peer', 'name', `qd${this.#id}`)) return false;
    if (!ip('link', 'set', `qc${this.#id}`, 'master', left) || !ip('link', 'set', `qd${this.#id}`, 'master', right)) {
      return false;
    }
    for (let node = 0; node < nodes; node++) {
      const name = `q${this.#id}n${node}`;
      const [outer, inner] = [`qo${this.#id}${node}`, `qi${this.#id}${node}`];
      if (!ip('netns', 'add', name)) return false;
      this.#names.push(name);
      const done =
        ip('link', 'add', outer, 'type', 'veth', 'peer', 'name', inner) &&
        ip('link', 'set', outer, 'master', node < nodes / 2 ? left : right) &&
        ip('link', 'set', outer, 'up') &&
        ip('link', 'set', inner, 'netns', name) &&
        ip('-n', name, 'addr', 'add', `${this.host(node)}/24`, 'dev', inner) &&
        ip('-n', name, 'link', 'set', inner, 'up') &&
        ip('-n', name, 'link', 'set', 'lo', 'up');
      if (!done) return false;
    }
    return this.join();
  }

  /** Address of a node. */
  host(node: number): string {
    return `${this.#net}.${node + 1}`;
  }

  /** The command that runs another one in a node's namespace. */
  inside(node: number): string[] {
    return ['ip', 'netns', 'exec', this.#names[node] ?? '', 'env'];
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
    for (const link of [`qc${this.#id}`, `qa${this.#id}`, `qb${this.#id}`]) ip('link', 'del', link);
  }
}
