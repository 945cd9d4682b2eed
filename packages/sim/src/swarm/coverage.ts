import type { Traffic } from '@quorate/kernel';
import type { Cluster } from '../cluster.ts';
import { messageKind } from './message-kind.ts';
import type { FaultFamily } from './outcome.ts';

/** One message in so many is read. */
const STRIDE = 8;

/** The rule of the protocol by which each message of the engine is said. */
const RULES: Readonly<Record<string, string>> = {
  proposal: 'S2',
  'vote notarize': 'S3',
  'vote finalize': 'S5',
  'vote nullify': 'S6',
  'certificate notarize': 'S5',
  'certificate nullify': 'S7',
  'certificate finalize': 'S8',
};

/** Outside the engine: the class of its traffic. */
function ruleOf(traffic: Traffic, kind: string): string {
  if (traffic === 'votes') return RULES[kind] ?? 'S4';
  return traffic === 'transactions' ? 'gossip' : traffic;
}

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
    const kind = messageKind(traffic, bytes);
    const name = `${kind}/${ruleOf(traffic, kind)}`;
    this.#seen.set(name, (this.#seen.get(name) ?? 0) + 1);
  }
}
