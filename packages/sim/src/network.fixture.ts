import type { PeerId, Traffic, Transport } from '@quorate/kernel';
import { Decisions } from './decisions.ts';
import { Incarnation } from './incarnation.ts';
import { type NetworkOptions, SimulatedNetwork } from './network.ts';
import { World } from './world.ts';

/** A node that writes down what it gets. */
export interface Node {
  readonly life: Incarnation;
  readonly transport: Transport;
  /** First bytes, virtual times and senders of the messages that came. */
  readonly got: number[];
  readonly at: number[];
  readonly from: PeerId[];
  readonly whole: Uint8Array[];
  connected: readonly PeerId[];
  /** Sends one message with this first byte. */
  say(to: number, byte: number, traffic?: Traffic, length?: number): boolean;
}

export const peerOf = (index: number): PeerId => index.toString(16).padStart(64, '0');

/** Nodes that all know each other, connected: three at least. */
export async function mesh(count: number, options: NetworkOptions = {}, seed = 1, decisions = Decisions.drawn()) {
  const world = new World({ seed, decisions });
  const network = new SimulatedNetwork(world, options);
  const peers = Array.from({ length: count }, (_, index) => peerOf(index));
  const join = (index: number): Node => {
    const life = new Incarnation(world, `n${index}`);
    const transport = network.port(life, peerOf(index));
    const node: Node = {
      life,
      transport,
      got: [],
      at: [],
      from: [],
      whole: [],
      connected: [],
      say: (to, byte, traffic = 'votes', length = 1) =>
        transport.send(peerOf(to), traffic, new Uint8Array(length).fill(byte)),
    };
    transport.start({
      message: (from, _traffic, bytes) => {
        node.got.push(bytes[0] ?? 0);
        node.at.push(world.elapsed);
        node.from.push(from);
        node.whole.push(bytes);
      },
      peers: (connected) => {
        node.connected = connected;
      },
    });
    transport.setMembers(peers.map((peer) => ({ peer, address: '' })));
    return node;
  };
  const nodes = peers.map((_, index) => join(index));
  await world.runFor(100);
  const [a, b, c] = nodes;
  if (a === undefined || b === undefined || c === undefined) throw new Error('three nodes at least');
  return { world, network, nodes, join, a, b, c };
}
