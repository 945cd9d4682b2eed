import { isQuorateError, type PeerId, type Traffic, type Transport } from '@quorate/kernel';
import { answerOf } from '../cluster/member.ts';
import type { Cluster } from '../cluster.ts';
import type { Decision } from '../decisions.ts';
import { described, short } from './messages.ts';
import type { Sighting, Spoken } from './sighting.ts';

/** A message on its way out, until it is known to whom else it goes. */
interface Sending extends Spoken {
  readonly at: number;
  readonly node: string;
  readonly bytes: Uint8Array;
  readonly to: string[];
}

/**
 * Watches a cluster from outside, before it starts: what is sent, who lives and dies, what becomes final, what goes wrong. It wraps
 * what it watches and changes nothing: a run has the same hash with and without it.
 */
export class Tap {
  readonly #cluster: Cluster;
  readonly #sink: (sighting: Sighting) => void;
  readonly #names: ReadonlyMap<PeerId, string>;
  readonly #views = new Map<string, string>();
  readonly #watched = new WeakSet<object>();
  #sending: Sending | null = null;
  #faults = 0;
  #violations = 0;

  constructor(cluster: Cluster, sink: (sighting: Sighting) => void) {
    this.#cluster = cluster;
    this.#sink = sink;
    this.#names = new Map(cluster.members.map(({ name, peer }) => [peer, name]));
    this.#watchWire();
    this.#watchMachines();
    this.#watchCheckers();
  }

  /** Tells what is still on its way out. Call it once, after the run. */
  close(): void {
    this.#flush();
    this.#look();
  }

  /** A line of a replica's log. */
  log(node: string, level: string, message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.#see(node, { kind: 'log', text: `${level}: ${message}`, fields });
  }

  #watchWire(): void {
    const { network } = this.#cluster;
    const port = network.port.bind(network);
    network.port = (life, peer) => {
      const transport = port(life, peer);
      const send: Transport['send'] = (to, traffic, bytes) => {
        this.#sent(peer, to, traffic, bytes);
        return transport.send(to, traffic, bytes);
      };
      return { ...transport, send };
    };
  }

  #watchMachines(): void {
    for (const { name, machine } of this.#cluster.members) {
      const start = machine.start.bind(machine);
      machine.start = (factory) => {
        const text = machine.lives === 0 ? 'starts' : `starts again, life ${machine.lives + 1}`;
        this.#see(name, { kind: 'start', text, fields: { life: machine.lives + 1 } });
        this.#views.delete(name);
        start(factory);
      };
      const crash = machine.crash.bind(machine);
      machine.crash = (how) => {
        const power = how?.power ?? true;
        const text = power ? 'CRASHES, the power is gone' : 'CRASHES, the process is gone';
        if (machine.alive) this.#see(name, { kind: 'crash', text, fields: { power } });
        crash(how);
      };
    }
  }

  #watchCheckers(): void {
    const { checkers } = this.#cluster;
    const finalized = checkers.finalized.bind(checkers);
    checkers.finalized = (by, height, digest) => {
      this.#see(by, {
        kind: 'final',
        text: `height ${height} is final: ${short(digest)}`,
        fields: { height, block: digest },
      });
      finalized(by, height, digest);
      this.#look();
    };
  }

  #sent(from: PeerId, to: PeerId, traffic: Traffic, bytes: Uint8Array): void {
    const node = this.#nameOf(from);
    const held = this.#sending;
    if (held !== null && held.bytes === bytes && held.node === node) {
      held.to.push(this.#nameOf(to));
      return;
    }
    this.#flush();
    this.#look();
    this.#lookAtView(node);
    const spoken = described(traffic, bytes);
    if (spoken === null) return;
    const at = this.#cluster.world.elapsed;
    this.#sending = { ...spoken, at, node, bytes, to: [this.#nameOf(to)] };
  }

  #flush(): void {
    const held = this.#sending;
    this.#sending = null;
    if (held === null) return;
    const { at, node, kind, text, to, fields } = held;
    this.#sink({ at, node, kind, text, to, fields });
  }

  #see(node: string, { kind, text, fields }: Spoken): void {
    this.#flush();
    this.#sink({ at: this.#cluster.world.elapsed, node, kind, text, to: [], fields });
  }

  /** Faults, halts and violations are noticed when something else happens: at the latest at the end. */
  #look(): void {
    const { world, checkers, members } = this.#cluster;
    const { taken } = world.decisions;
    for (; this.#faults < taken.length; this.#faults++) {
      const decision = taken[this.#faults];
      if (decision !== undefined)
        this.#see('', { kind: 'fault', text: faultText(decision, this.#names), fields: { decision } });
    }
    for (const { name, machine } of members) {
      const { program, failure } = machine;
      const reason = program?.halted ?? failure;
      if (reason === null || reason === undefined || typeof reason !== 'object' || this.#watched.has(reason)) continue;
      this.#watched.add(reason);
      const code = isQuorateError(reason) ? `${reason.code}: ` : '';
      const message = reason instanceof Error ? reason.message : String(reason);
      this.#see(name, { kind: 'halt', text: `HALTS: ${code}${message}`, fields: { code, message } });
    }
    for (; this.#violations < checkers.violations.length; this.#violations++) {
      const sentence = checkers.violations[this.#violations] ?? '';
      this.#see('', { kind: 'violation', text: `VIOLATION of ${sentence}`, fields: { sentence } });
    }
  }

  #lookAtView(node: string): void {
    const member = this.#cluster.members.find(({ name }) => name === node);
    const status = member === undefined ? null : answerOf(member, (replica) => replica.status().engine);
    if (member === undefined || status === null || status.view === 0) return;
    const { epoch, view, leader } = status;
    const place = `${epoch}/${view}`;
    if (this.#views.get(node) === place) return;
    this.#views.set(node, place);
    const led = leader === null ? undefined : answerOf(member, (replica) => replica.validators(epoch))?.at(leader);
    const by =
      led === undefined ? '' : `, led by ${led.peer === this.#peerOf(node) ? 'itself' : this.#nameOf(led.peer)}`;
    this.#see(node, {
      kind: 'view',
      text: `enters view ${view} of epoch ${epoch}${by}`,
      fields: { epoch, view, leader },
    });
  }

  #peerOf(node: string): PeerId | undefined {
    return this.#cluster.members.find(({ name }) => name === node)?.peer;
  }

  #nameOf(peer: PeerId): string {
    return this.#names.get(peer) ?? this.#cluster.members.find((member) => member.peer === peer)?.name ?? short(peer);
  }
}

function faultText({ domain, index, choice }: Decision, names: ReadonlyMap<PeerId, string>): string {
  const { kind, ...rest } = choice;
  const named = domain.replace(/[0-9a-f]{64}/g, (peer) => names.get(peer) ?? short(peer));
  const details = Object.entries(rest).map(([name, value]) => ` ${name}=${String(value)}`);
  return `FAULT ${named}#${index} ${kind}${details.join('')}`;
}
