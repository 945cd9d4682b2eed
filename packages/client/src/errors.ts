import { type ErrorCode, QuorateError } from '@quorate/kernel';
import { z } from 'zod';

/**
 * The numbers under which errors travel. They are for ever. Negative ones are JSON-RPC's own.
 * `data.code` carries the text, which is what programs should branch on.
 */
export const RPC_ERRORS = {
  'rpc/failed': -32603,
  'rpc/invalid': -32602,
  'rpc/unavailable': 1001,
  'rpc/limited': 1002,
  'rpc/timeout': 1003,
  'rpc/not-found': 1004,
  'subscription/slow': 1005,
  'subscription/pruned': 1006,
  'transaction/invalid': 1101,
  'transaction/expired': 1102,
  'mempool/full': 1103,
  'address/invalid': 1104,
  'application/failed': 1201,
  'application/unsupported': 1202,
} as const satisfies Partial<Record<ErrorCode, number>>;

export type RpcErrorCode = keyof typeof RPC_ERRORS;

/** JSON-RPC's own errors that no method causes: they all mean `rpc/invalid`. */
export const PROTOCOL_ERRORS = { parse: -32700, request: -32600, method: -32601 } as const;

export function isRpcErrorCode(code: string): code is RpcErrorCode {
  return Object.hasOwn(RPC_ERRORS, code);
}

export const errorSchema = z.object({
  code: z.int(),
  message: z.string(),
  data: z
    .object({
      code: z.string().describe('The stable name of the error.'),
      from: z.int().optional().describe('Of a subscription that ended: the height to resume from.'),
    })
    .optional(),
});
export type RpcErrorJson = z.infer<typeof errorSchema>;

/** An error as it travels. What is not in the table is not for strangers: it becomes `rpc/failed` without its message. */
export function errorToJson(error: unknown): RpcErrorJson {
  if (error instanceof QuorateError && isRpcErrorCode(error.code)) {
    return { code: RPC_ERRORS[error.code], message: error.message, data: { code: error.code } };
  }
  return {
    code: RPC_ERRORS['rpc/failed'],
    message: 'internal error; the log of the node has it',
    data: { code: 'rpc/failed' },
  };
}

/** The error that a server reported, with a code of the table: `rpc/invalid` for protocol errors, `rpc/failed` for unknown ones. */
export function errorFromJson(error: RpcErrorJson): QuorateError {
  const named = error.data?.code ?? '';
  if (isRpcErrorCode(named)) return new QuorateError(named, error.message);
  const isProtocol = Object.values(PROTOCOL_ERRORS).some((code) => code === error.code);
  return new QuorateError(isProtocol ? 'rpc/invalid' : 'rpc/failed', error.message);
}
