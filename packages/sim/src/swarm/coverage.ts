import type { Traffic } from '@quorate/kernel';
import { read, type Spoken } from '../byzantine/wire.ts';
import type { Cluster } from '../cluster.ts';
import type { FaultFamily } from './outcome.ts';

/** One message in so many is read. */
const STRIDE = 8;

/** Which rules spoke by which messages, and under which families of faults: what a campaign has seen, as a table. */
export class Coverage {
  readonly #seen = new Map<string, number>();
  #messages = 0;

  constructor(cluster: Cluster) {
    cluster.network.wire = (_from, _to, traffic, bytes) => {
      if (this.#messages++ % STRIDE === 0) this.#count(traffic, bytes);
      return bytes;
    };
  }

  /** Messages read so far, as `family/message/rule`; each counts for every family of faults that struck in this run. */
  counts(families: ReadonlySet<FaultFamily>): Record<string, number> {
    const rows = [...this.#seen].flatMap(([name, count]) =>
      [...families].map((family) => [`${family}/${name}`, count] as const),
    );
    return Object.fromEntries(rows.sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  #count(traffic: Traffic, bytes: Uint8Array): void {
    const spoken = read(traffic, bytes);
    const name = spoken === null ? `${traffic}/unreadable` : nameOf(spoken);
    this.#seen.set(name, (this.#seen.get(name) ?? 0) + 1);
  }
}

/** A message and the rule of the protocol by which it is said. */
function nameOf(spoken: Spoken): string {
  switch (spoken.traffic) {
    case 'votes': {
      const { message } = spoken;
      if (message.kind === 'vote') {
        const { kind } = message.vote.statement;
        return `vote ${kind}/${{ notarize: 'S3', nullify: 'S6', finalize: 'S5' }[kind]}`;
      }
      if (message.kind === 'certificate') {
        const { kind } = message.certificate.statement;
        return `certificate ${kind}/${{ notarize: 'S5', nullify: 'S7', finalize: 'S8' }[kind]}`;
      }
      return `${message.kind}/${message.kind === 'proposal' ? 'S2' : 'S4'}`;
    }
    case 'bodies':
      return `${spoken.message.kind}/bodies`;
    case 'sync':
      return `${spoken.message.kind}/sync`;
    case 'transactions':
      return 'transactions/gossip';
  }
}
