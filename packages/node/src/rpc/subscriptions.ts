import { type CheckedParams, contract, type Notification } from '@quorate/client';
import { type Hash, type Height, QuorateError } from '@quorate/kernel';
import type { FinalizedBlock, Replica, Subscription } from '@quorate/replica';
import type { RpcConfig } from './config.ts';
import { type Procedure, readBySchema } from './dispatcher.ts';
import { blockJson, eventItems, summaryJson, transactionItems } from './json.ts';

/** A connection as its subscriptions see it. */
export interface Outlet {
  /** Queues a text; `flushed` is called once it left this process, or the connection ended. */
  send(text: string, flushed?: () => void): void;
  /** Bytes that wait to leave. */
  readonly buffered: number;
}

type Request = CheckedParams<'subscribe'>;
/** Makes the notification of one block: what the kind and the filter ask for. */
type View = (block: FinalizedBlock, subscription: number) => Notification;

function viewOf(hash: Hash, { kind, filter }: Request): View {
  switch (kind) {
    case 'blocks':
      return (block, subscription) => ({
        kind,
        subscription,
        height: block.header.height,
        block: filter.bodies === true ? blockJson(hash, block) : summaryJson(block),
      });
    case 'transactions': {
      const wanted = { ids: filter.ids === undefined ? undefined : new Set(filter.ids), failed: filter.failed };
      return (block, subscription) => ({
        kind,
        subscription,
        height: block.header.height,
        items: transactionItems(hash, block, wanted),
      });
    }
    case 'events':
      return (block, subscription) => ({
        kind,
        subscription,
        height: block.header.height,
        items: eventItems(hash, block, filter),
      });
  }
}

/**
 * The subscriptions of one connection. Each follows the chain by itself, block after block. A reader that falls behind is waited for,
 * then dropped with the height to resume from: nothing is skipped in silence.
 */
export class Subscriptions {
  readonly #config: Pick<RpcConfig, 'maxSubscriptionsPerConnection' | 'maxBufferedBytes' | 'slowReaderMs'>;
  readonly #replica: Replica;
  readonly #hash: Hash;
  readonly #outlet: Outlet;
  readonly #open = new Map<number, Subscription>();
  #last = 0;

  constructor(
    config: Pick<RpcConfig, 'maxSubscriptionsPerConnection' | 'maxBufferedBytes' | 'slowReaderMs'>,
    parts: { readonly replica: Replica; readonly hash: Hash; readonly outlet: Outlet },
  ) {
    this.#config = config;
    this.#replica = parts.replica;
    this.#hash = parts.hash;
    this.#outlet = parts.outlet;
  }

  /** `subscribe` and `unsubscribe`. */
  procedure(method: string): Procedure | null {
    if (method === 'subscribe') {
      return {
        read: (params) => readBySchema(contract.subscribe.params, params),
        run: (params) => this.#subscribe(params as Request), // made by `read`
      };
    }
    if (method === 'unsubscribe') {
      return {
        read: (params) => readBySchema(contract.unsubscribe.params, params).subscription,
        run: (id) => ({ ended: this.#unsubscribe(id as number) }), // made by `read`
      };
    }
    return null;
  }

  close(): void {
    for (const subscription of this.#open.values()) subscription.close();
    this.#open.clear();
  }

  #subscribe(request: Request): { subscription: number; from: Height } {
    const limit = this.#config.maxSubscriptionsPerConnection;
    if (this.#open.size >= limit)
      throw new QuorateError('rpc/unavailable', `a connection holds at most ${limit} subscriptions`);
    const id = ++this.#last;
    const view = viewOf(this.#hash, request);
    const from = request.from ?? this.#replica.status().height + 1;
    let next = from;
    let behind = false;
    const subscription = this.#replica.follow(from, async (block) => {
      if (!this.#open.has(id)) return;
      const flushed = this.#send(view(block, id));
      next = block.header.height + 1;
      if (this.#outlet.buffered <= this.#config.maxBufferedBytes) return;
      if (await within(this.#config.slowReaderMs, flushed)) return;
      behind = true;
      subscription.close();
    });
    this.#open.set(id, subscription);
    void subscription.ended.then((error) => {
      if (!this.#open.delete(id) || (error === null && !behind)) return;
      const slow = `the reader is too slow: subscribe again from height ${next}`;
      const reason = error ?? new QuorateError('subscription/slow', slow);
      void this.#send({ kind: 'ended', subscription: id, code: reason.code, message: reason.message, from: next });
    });
    return { subscription: id, from };
  }

  #unsubscribe(id: number): boolean {
    const subscription = this.#open.get(id);
    this.#open.delete(id);
    subscription?.close();
    return subscription !== undefined;
  }

  #send(params: Notification): Promise<void> {
    return new Promise((resolve) => {
      this.#outlet.send(JSON.stringify({ jsonrpc: '2.0', method: 'subscription', params }), resolve);
    });
  }
}

/** Whether the event comes within `ms`. */
async function within(ms: number, event: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const came = await Promise.race([event.then(() => true), late]);
  clearTimeout(timer);
  return came;
}
