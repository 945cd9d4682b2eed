import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { QuorateError } from '@quorate/kernel';
import { afterEach, describe, expect, it } from 'vitest';
import { Client } from './client.ts';

let server: Server | null = null;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** A server that answers request number n (from 1) by the script. */
async function scripted(
  script: (n: number, response: ServerResponse, body: string, request: IncomingMessage) => void,
): Promise<string> {
  let n = 0;
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => script(++n, response, body, request));
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
}

const idOf = (body: string): number => (JSON.parse(body) as { id: number }).id;
const point = { height: 3, digest: 'ab'.repeat(32), time: 5 };
const good = (response: ServerResponse, body: string): void => {
  response.end(JSON.stringify({ jsonrpc: '2.0', id: idOf(body), result: point }));
};

describe('a call', () => {
  it('is tried again after what may pass: a lost connection, a busy server, a rate limit', async () => {
    let asked = 0;
    const url = await scripted((n, response, body) => {
      asked = n;
      const passing = (code: string): string =>
        JSON.stringify({ jsonrpc: '2.0', id: idOf(body), error: { code: 1, message: 'm', data: { code } } });
      if (n === 1) response.destroy();
      else if (n === 2) response.writeHead(503).end('no');
      else if (n === 3) response.end(passing('rpc/limited'));
      else good(response, body);
    });
    expect(await new Client({ url }).checkpoint()).toEqual(point);
    expect(asked).toBe(4);
  });

  it('is not tried again after what will not', async () => {
    let asked = 0;
    const url = await scripted((n, response, body) => {
      asked = n;
      response.end(
        JSON.stringify({
          jsonrpc: '2.0',
          id: idOf(body),
          error: { code: 1004, message: 'gone', data: { code: 'rpc/not-found' } },
        }),
      );
    });
    await expect(new Client({ url }).block(5)).rejects.toMatchObject({ code: 'rpc/not-found', message: 'gone' });
    expect(asked).toBe(1);
  });

  it('ends in time, and when its signal says so', async () => {
    const url = await scripted(() => {});
    await expect(new Client({ url, timeoutMs: 50, retries: 0 }).status()).rejects.toMatchObject({
      code: 'rpc/timeout',
    });
    const stop = new AbortController();
    const call = new Client({ url }).status({ signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(call).rejects.toThrow('enough');
  });

  it('refuses the answer to another call, and one that breaks the contract', async () => {
    const url = await scripted((n, response, body) => {
      if (n === 1) response.end(JSON.stringify({ jsonrpc: '2.0', id: 999, result: point }));
      else
        response.end(JSON.stringify({ jsonrpc: '2.0', id: idOf(body), result: { ...point, digest: 'AB'.repeat(32) } }));
    });
    const client = new Client({ url, retries: 0 });
    await expect(client.checkpoint()).rejects.toThrow(/another request/);
    await expect(client.checkpoint()).rejects.toThrow(/contract/);
  });

  it('names the address that cannot be reached', async () => {
    const client = new Client({ url: 'http://127.0.0.1:1/', retries: 0 });
    await expect(client.status()).rejects.toThrow(/http:\/\/127\.0\.0\.1:1 cannot be reached/);
  });
});

describe('a submission', () => {
  const id = 'cd'.repeat(32);

  it('that was cut off is offered again, and a refusal of the second offer is checked against the chain', async () => {
    const url = await scripted((n, response, body, request) => {
      if (request.url?.startsWith('/tx') === true) {
        if (n === 1) response.destroy();
        else response.end(JSON.stringify({ results: [{ status: 'rejected', id, reason: 'nonce used' }] }));
        return;
      }
      const receipt = { code: 0, log: '', events: [], data: '' };
      response.end(
        JSON.stringify({
          jsonrpc: '2.0',
          id: idOf(body),
          result: { status: 'final', id, height: 4, index: 0, receipt },
        }),
      );
    });
    expect(await new Client({ url }).submit(Uint8Array.of(1), { wait: 'final' })).toMatchObject({
      status: 'final',
      height: 4,
    });
  });

  it('that is refused at once stays refused', async () => {
    const url = await scripted((_, response) => {
      response.end(JSON.stringify({ results: [{ status: 'rejected', id, reason: 'nonce used' }] }));
    });
    expect(await new Client({ url }).submit(Uint8Array.of(1))).toEqual({
      status: 'rejected',
      id,
      reason: 'nonce used',
    });
  });

  it('needs an answer for each transaction', async () => {
    for (const results of [[], [{ status: 'final' }], [{ id, status: 'perhaps' }], [null], 'x', null]) {
      const url = await scripted((_, response) => {
        response.end(JSON.stringify({ results }));
      });
      await expect(new Client({ url, retries: 0 }).submit(Uint8Array.of(1))).rejects.toBeInstanceOf(QuorateError);
      server?.close();
    }
  });
});
