import { createServer, type Server } from 'node:http';

/** Changes what a node answers to a call; the result of the call is the node's. */
export type Lie = (method: string, params: Readonly<Record<string, unknown>>, result: unknown) => unknown;

export interface LyingServer {
  readonly url: string;
  lie: Lie;
  close(): Promise<void>;
}

/** An RPC server that asks a real node and changes the answers on the way. */
export async function lyingServer(truth: string, lie: Lie): Promise<LyingServer> {
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      void answer(Buffer.concat(chunks).toString()).then(
        (text) => response.writeHead(200, { 'content-type': 'application/json' }).end(text),
        () => response.writeHead(502).end(),
      );
    });
  });
  async function answer(body: string): Promise<string> {
    const call: { method: string; params: Record<string, unknown> } = JSON.parse(body);
    const real = await fetch(truth, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    const reply: { result?: unknown } = JSON.parse(await real.text());
    if ('result' in reply) reply.result = liar.lie(call.method, call.params, reply.result);
    return JSON.stringify(reply);
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the lying server has no port');
  const liar: LyingServer = {
    url: `http://127.0.0.1:${address.port}`,
    lie,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return liar;
}
