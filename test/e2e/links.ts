import { connect, createServer, type Server, type Socket } from 'node:net';

type Mode = 'open' | 'refused' | 'silent';

interface Link {
  readonly from: string;
  readonly to: string;
  readonly server: Server;
  /** Both ends of every connection that runs through it. */
  readonly sockets: Set<Socket>;
  mode: Mode;
}

/** One TCP proxy for every ordered pair of nodes, in this process: the wires of a network, which a test can cut. */
export class Links {
  readonly #links: Link[] = [];
  /** Connections that were cut in the middle. */
  cuts = 0;

  /** Opens the wire on which `from` dials `to`, and returns the address to dial. */
  async open(from: string, to: string, target: string): Promise<string> {
    const [host = '127.0.0.1', port = '0'] = target.split(':');
    const sockets = new Set<Socket>();
    const server = createServer((near) => {
      if (link.mode === 'refused') {
        near.destroy();
        return;
      }
      const far = connect(Number(port), host);
      const hangUp = (): void => {
        near.destroy();
        far.destroy();
      };
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(socket);
        socket.setNoDelay(true);
        socket.on('error', hangUp);
        socket.on('close', () => {
          sockets.delete(socket);
          hangUp();
        });
        socket.on('data', (chunk) => {
          // A wire that is cut without a word: what is under way is lost, and neither end is told.
          if (link.mode === 'silent') return;
          if (!other.write(chunk)) {
            socket.pause();
            other.once('drain', () => socket.resume());
          }
        });
      }
    });
    const link: Link = { from, to, server, sockets, mode: 'open' };
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.#links.push(link);
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('a proxy has no port');
    return `127.0.0.1:${address.port}`;
  }

  /** Separates the named nodes from all others: silently, or with connections that break and cannot be made again. */
  split(side: readonly string[], how: 'silent' | 'refused'): void {
    for (const link of this.#links) {
      if (side.includes(link.from) === side.includes(link.to)) continue;
      link.mode = how;
      if (how === 'refused') this.#cut(link);
    }
  }

  /** Every wire works again. Connections through which bytes were lost are of no use any more: they break. */
  heal(): void {
    for (const link of this.#links) {
      if (link.mode === 'silent') this.#cut(link);
      link.mode = 'open';
    }
  }

  /** Breaks the connections of some wires once, in the middle of whatever they carry. */
  drop(choose: (from: string, to: string) => boolean): void {
    for (const link of this.#links) if (choose(link.from, link.to)) this.#cut(link);
  }

  async close(): Promise<void> {
    await Promise.all(
      this.#links.map((link) => {
        this.#cut(link);
        return new Promise<void>((resolve) => link.server.close(() => resolve()));
      }),
    );
  }

  #cut(link: Link): void {
    for (const socket of link.sockets) socket.destroy();
    this.cuts += link.sockets.size / 2;
  }
}
