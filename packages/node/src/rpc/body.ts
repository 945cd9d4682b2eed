import type { IncomingMessage } from 'node:http';
import { QuorateError } from '@quorate/kernel';
import type { ByteBudget } from './limits.ts';

/** Reads a request's body whole. Throws `rpc/limited` when it is larger than `limit` or than what is left of the budget, which it returns at the end. */
export async function withBody<T>(
  request: IncomingMessage,
  bounds: { readonly limit: number; readonly budget: ByteBudget },
  use: (body: Buffer) => Promise<T>,
): Promise<T> {
  const { limit, budget } = bounds;
  const tooLarge = (): QuorateError => new QuorateError('rpc/limited', `a request has at most ${limit} bytes`);
  if (Number(request.headers['content-length'] ?? 0) > limit) throw tooLarge();
  const chunks: Buffer[] = [];
  let taken = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      if (taken + chunk.length > limit) throw tooLarge();
      if (!budget.take(chunk.length))
        throw new QuorateError(
          'rpc/unavailable',
          'the node is receiving as much as it can hold: try again in a moment',
        );
      taken += chunk.length;
      chunks.push(chunk);
    }
    return await use(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, taken));
  } finally {
    budget.give(taken);
  }
}
