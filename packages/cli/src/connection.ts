import { Client } from '@quorate/client';
import { QuorateError } from '@quorate/kernel';
import type { Command } from 'commander';
import WebSocket from 'ws';

/** Where the first validator of a devnet answers, and a node with the default configuration. */
export const DEFAULT_URL = 'http://127.0.0.1:26601';

export interface ConnectionFlags {
  readonly url: string;
  readonly json?: boolean;
}

/** Adds the flags of every command that asks a node. */
export function asks(command: Command): Command {
  return command
    .option('--url <url>', 'RPC of the node to ask', process.env.QUORATE_URL ?? DEFAULT_URL)
    .option('--json', 'answer as one line of JSON');
}

/** A client of the node at `url`. Throws `config/invalid` when that is no URL. */
export function connect(url: string, options: { readonly retries?: number; readonly timeoutMs?: number } = {}): Client {
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    throw new QuorateError('config/invalid', `--url: ${JSON.stringify(url)} is no URL such as ${DEFAULT_URL}`);
  return new Client({ url, WebSocket, ...options });
}
