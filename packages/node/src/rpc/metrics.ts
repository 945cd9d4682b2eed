import type { Replica, ReplicaStatus } from '@quorate/replica';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export interface MetricsParts {
  readonly replica: Replica;
  /** Counters of the ports beside those of the replica; names as `received.votes`, `dropped.bodies`. */
  readonly counters: () => Readonly<Record<string, number>>;
  readonly connections: () => number;
}

const LATENCY_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.4, 0.6, 1, 2, 4, 8, 16, 60];
const FSYNC_BUCKETS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2];
/** Recent durations are a window of the newest 1024: it is read before it can slide past unseen. */
const POLL_MS = 5000;
/** The default of 10 ms wakes an idle process a hundred times a second. */
const EVENT_LOOP_SAMPLE_MS = 500;
/** Values that must fit for a place in the new window to count as the end of the old one. */
const OVERLAP = 8;

/** The values of a sliding window that were not in it when it was last seen. */
export function newSamples(before: readonly number[], now: readonly number[]): readonly number[] {
  const tail = before.slice(-OVERLAP);
  if (tail.length === 0) return now;
  for (let end = now.length; end >= tail.length; end--) {
    if (tail.every((value, i) => now[end - tail.length + i] === value)) return now.slice(end);
  }
  return now;
}

/** What Prometheus scrapes: `quorate_*`. */
export class Metrics {
  readonly #parts: MetricsParts;
  readonly #registry = new Registry();
  readonly #gauges = new Map<string, Gauge>();
  readonly #histograms: Readonly<Record<string, Histogram>>;
  readonly #seen = new Map<string, readonly number[]>();
  readonly #dropped: Counter<'reason'>;
  readonly #bytes: Counter<'direction' | 'traffic'>;
  readonly #events: Counter<'event'>;
  readonly #timer: NodeJS.Timeout;

  constructor(parts: MetricsParts) {
    this.#parts = parts;
    const registers = [this.#registry];
    collectDefaultMetrics({
      register: this.#registry,
      prefix: 'quorate_',
      eventLoopMonitoringPrecision: EVENT_LOOP_SAMPLE_MS,
    });
    const gauges: readonly (readonly [string, string])[] = [
      ['height', 'Last finalized height'],
      ['executed_height', 'Last executed height'],
      ['view', 'Current view'],
      ['epoch', 'Current epoch'],
      ['peers', 'Connected peers'],
      ['mempool_transactions', 'Transactions that wait'],
      ['mempool_bytes', 'Bytes of transactions that wait'],
      ['views_since_finalized', 'Views entered since a block was finalized'],
      ['syncing', '1 while the node catches up'],
      ['silent', '1 while a node with a key does not vote'],
      ['rpc_websockets', 'Open WebSocket connections'],
    ];
    for (const [name, help] of gauges) this.#gauges.set(name, new Gauge({ name: `quorate_${name}`, help, registers }));
    this.#histograms = {
      finality: new Histogram({
        name: 'quorate_finality_seconds',
        help: 'From proposal seen to finalized',
        buckets: LATENCY_BUCKETS,
        registers,
      }),
      fsync: new Histogram({
        name: 'quorate_fsync_seconds',
        help: 'Time of a durable journal write',
        buckets: FSYNC_BUCKETS,
        registers,
      }),
    };
    this.#dropped = new Counter({
      name: 'quorate_dropped_total',
      help: 'Messages dropped',
      labelNames: ['reason'],
      registers,
    });
    this.#bytes = new Counter({
      name: 'quorate_traffic_bytes_total',
      help: 'Bytes of messages between peers',
      labelNames: ['direction', 'traffic'],
      registers,
    });
    this.#events = new Counter({
      name: 'quorate_events_total',
      help: 'Everything else that is counted',
      labelNames: ['event'],
      registers,
    });
    this.#timer = setInterval(() => this.#observe(this.#status()), POLL_MS);
    this.#timer.unref();
  }

  async scrape(): Promise<{ readonly type: string; readonly text: string }> {
    const status = this.#status();
    this.#observe(status);
    if (status !== null) this.#set(status);
    this.#gauges.get('rpc_websockets')?.set(this.#parts.connections());
    this.#count({
      ...status?.counters,
      ...prefixed('dropped.', status?.engine.dropped ?? {}),
      ...this.#parts.counters(),
    });
    return { type: this.#registry.contentType, text: await this.#registry.metrics() };
  }

  close(): void {
    clearInterval(this.#timer);
    this.#registry.clear();
  }

  #status(): ReplicaStatus | null {
    try {
      return this.#parts.replica.status();
    } catch {
      return null; // it has not started, or stops: the process metrics are still worth having
    }
  }

  #set(status: ReplicaStatus): void {
    const values = {
      height: status.height,
      executed_height: status.executedHeight,
      view: status.view,
      epoch: status.epoch,
      peers: status.peers.length,
      mempool_transactions: status.mempool.transactions,
      mempool_bytes: status.mempool.bytes,
      views_since_finalized: status.engine.viewsSinceFinalized,
      syncing: status.syncing ? 1 : 0,
      silent: status.silent === null ? 0 : 1,
    };
    for (const [name, value] of Object.entries(values)) this.#gauges.get(name)?.set(value);
  }

  #observe(status: ReplicaStatus | null): void {
    for (const [name, histogram] of Object.entries(this.#histograms)) {
      const now = status?.samples[name] ?? [];
      for (const ms of newSamples(this.#seen.get(name) ?? [], now)) histogram.observe(ms / 1000);
      if (now.length > 0) this.#seen.set(name, now);
    }
  }

  /** Sets counters to the totals that others keep. */
  #count(totals: Readonly<Record<string, number>>): void {
    for (const counter of [this.#dropped, this.#bytes, this.#events]) counter.reset();
    for (const [name, value] of Object.entries(totals)) {
      const [group = '', ...rest] = name.split('.');
      const detail = rest.join('.');
      if (group === 'dropped') this.#dropped.inc({ reason: detail }, value);
      else if ((group === 'sent' || group === 'received') && detail !== '')
        this.#bytes.inc({ direction: group, traffic: detail }, value);
      else this.#events.inc({ event: name }, value);
    }
  }
}

function prefixed(prefix: string, counts: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).map(([name, value]) => [`${prefix}${name}`, value]));
}
