import { request } from 'node:http';
import { isAbsolute, resolve } from 'node:path';
import { QuorateError } from '@quorate/kernel';
import { loadConfig, readConfigFile } from '@quorate/node';

const PATIENCE = 30_000;

/** Calls an admin method of the node that runs in a home, over its local socket. Throws `rpc/unavailable` when none runs, and what the node answers. */
export async function adminCall(home: string, method: string, params: object = {}): Promise<unknown> {
  const folder = resolve(home);
  const { config } = loadConfig({ file: await readConfigFile(folder), environment: process.env });
  const socketPath = isAbsolute(config.admin.socket) ? config.admin.socket : resolve(folder, config.admin.socket);
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
  const text = await new Promise<string>((done, refuse) => {
    const fail = (cause: Error): void =>
      refuse(new QuorateError('rpc/unavailable', `no node answers at ${socketPath}: ${cause.message}`, { cause }));
    const outgoing = request(
      { socketPath, method: 'POST', path: '/', headers: { 'content-type': 'application/json' } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => done(Buffer.concat(chunks).toString()));
        response.on('error', fail);
      },
    );
    outgoing.setTimeout(PATIENCE, () => outgoing.destroy(new Error(`no answer within ${PATIENCE} ms`)));
    outgoing.on('error', fail);
    outgoing.end(body);
  });
  const answer = parsed(text);
  if (answer === null)
    throw new QuorateError('rpc/failed', `what listens at ${socketPath} does not answer as a node does`);
  if (answer.error !== undefined) throw new QuorateError('rpc/failed', answer.error.message ?? 'the node refused');
  return answer.result;
}

function parsed(text: string): { readonly result?: unknown; readonly error?: { readonly message?: string } } | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}
