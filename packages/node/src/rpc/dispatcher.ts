import {
  contract,
  errorToJson,
  isMethod,
  MAX_BATCH_CALLS,
  PROTOCOL_ERRORS,
  type RpcErrorJson,
  readSubmitParams,
} from '@quorate/client';
import { isQuorateError, QuorateError } from '@quorate/kernel';
import type { Log } from '@quorate/replica';
import type { z } from 'zod';
import { complaintsOf } from '../issue-text.ts';
import type { Handlers } from './handlers.ts';

/** Calls that cost as much as so many others: what a node may check for everybody must be more than one address can ask for. */
const PRICES: Readonly<Record<string, number>> = { submitEvidence: 500 };

/** One callable thing: reads its parameters, then runs. */
export interface Procedure {
  /** Throws `rpc/invalid` for parameters that the contract does not allow. */
  read(params: unknown): unknown;
  run(params: unknown): unknown;
}
export type Procedures = (method: string) => Procedure | null;

export interface DispatchContext {
  readonly procedures: Procedures;
  /** Whether the caller may make a call of this price now. */
  readonly admit: (price: number) => boolean;
}

type Id = string | number | null;
type Reply = { readonly jsonrpc: '2.0'; readonly id: Id } & (
  | { readonly result: unknown }
  | { readonly error: RpcErrorJson }
);

/** Parameters by a schema. Throws `rpc/invalid` with the name of the first that is wrong, what it must be and what it is. */
export function readBySchema<T extends z.ZodType>(schema: T, params: unknown): z.output<T> {
  const checked = schema.safeParse(params ?? {});
  if (checked.success) return checked.data;
  const [first] = complaintsOf(checked.error.issues, params ?? {}, 'parameter');
  const { path = [], problem = 'not what the method takes' } = first ?? {};
  throw new QuorateError('rpc/invalid', `parameters: ${path.join('.') || 'all of them'}: ${problem}`);
}

/** The methods of the contract over their handlers; `extra` adds those that only one kind of connection has. */
export function procedures(handlers: Handlers, extra?: Procedures): Procedures {
  const table = new Map<string, Procedure>();
  for (const method of Object.keys(contract)) {
    if (!isMethod(method) || method === 'subscribe' || method === 'unsubscribe') continue;
    const run = handlers[method] as (params: unknown) => unknown; // the reader beside it makes the parameters that it takes
    const read =
      method === 'submit' || method === 'submitBatch'
        ? (params: unknown) => readSubmitParams(method, params)
        : (params: unknown) => readBySchema(contract[method].params, params);
    table.set(method, { read, run });
  }
  return (method) => table.get(method) ?? extra?.(method) ?? null;
}

function protocolError(id: Id, kind: keyof typeof PROTOCOL_ERRORS, message: string): Reply {
  return { jsonrpc: '2.0', id, error: { code: PROTOCOL_ERRORS[kind], message, data: { code: 'rpc/invalid' } } };
}

/** JSON-RPC 2.0: one call or a batch, as text, to the reply as text; null when nothing is to be said. Never rejects. */
export class Dispatcher {
  readonly #log: Log;
  readonly #halted: () => QuorateError | null;

  /** `halted`: why nothing can be answered any more, or null. */
  constructor(parts: { readonly log: Log; readonly halted: () => QuorateError | null }) {
    this.#log = parts.log;
    this.#halted = parts.halted;
  }

  /** Throws `rpc/unavailable` once the replica stopped itself. */
  demandAlive(): void {
    const halted = this.#halted();
    if (halted !== null)
      throw new QuorateError('rpc/unavailable', `the node halted (${halted.code}): ${halted.message}`);
  }

  async answer(text: string, context: DispatchContext): Promise<string | null> {
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch {
      return JSON.stringify(protocolError(null, 'parse', 'the request is not JSON'));
    }
    if (!Array.isArray(parsed)) {
      const reply = await this.#one(parsed, context);
      return reply === null ? null : JSON.stringify(reply);
    }
    if (parsed.length === 0 || parsed.length > MAX_BATCH_CALLS) {
      return JSON.stringify(
        protocolError(null, 'request', `a batch holds 1 to ${MAX_BATCH_CALLS} calls, not ${parsed.length}`),
      );
    }
    const replies = (await Promise.all(parsed.map((call) => this.#one(call, context)))).filter(
      (reply) => reply !== null,
    );
    return replies.length === 0 ? null : JSON.stringify(replies);
  }

  async #one(call: unknown, context: DispatchContext): Promise<Reply | null> {
    if (typeof call !== 'object' || call === null || Array.isArray(call))
      return protocolError(null, 'request', 'a call is an object');
    const { jsonrpc, id, method, params }: { jsonrpc?: unknown; id?: unknown; method?: unknown; params?: unknown } =
      call;
    const isId = id === undefined || id === null || typeof id === 'string' || typeof id === 'number';
    if (jsonrpc !== '2.0' || typeof method !== 'string' || !isId) {
      return protocolError(
        isId ? (id ?? null) : null,
        'request',
        'a call has jsonrpc "2.0", a method, and an id that is a string or a number',
      );
    }
    const reply = await this.#run(method, params, id ?? null, context);
    return id === undefined ? null : reply;
  }

  async #run(method: string, params: unknown, id: Id, context: DispatchContext): Promise<Reply> {
    const procedure = context.procedures(method);
    if (procedure === null) {
      const where =
        isMethod(method) && contract[method].over === 'websocket'
          ? 'is answered over WebSocket only'
          : 'does not exist: rpc.discover lists all';
      return protocolError(id, 'method', `method ${JSON.stringify(method.slice(0, 64))} ${where}`);
    }
    try {
      this.demandAlive();
      if (!context.admit(PRICES[method] ?? 1))
        throw new QuorateError('rpc/limited', 'too many requests from this address: slow down');
      return { jsonrpc: '2.0', id, result: await procedure.run(procedure.read(params)) };
    } catch (error) {
      return { jsonrpc: '2.0', id, error: this.error(error, method) };
    }
  }

  /** An error for a stranger; what is ours alone goes to the log. */
  error(error: unknown, what: string): RpcErrorJson {
    const shown = errorToJson(error);
    if (shown.data?.code === 'rpc/failed') {
      const code = isQuorateError(error) ? error.code : undefined;
      this.#log('error', `rpc ${what} failed`, {
        code,
        reason: error instanceof Error ? error.message : String(error),
      });
    }
    return shown;
  }
}
