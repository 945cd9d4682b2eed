import { resolve } from 'node:path';
import type { QuorateNode } from '../node.ts';
import type { AdminHooks } from './admin.ts';
import { rpcConfig } from './config.ts';
import { createRpc, type RpcAddresses } from './rpc.ts';

/** Serves a node's API as long as the node runs: call before it starts. The promise resolves with the addresses once it listens. */
export function attachRpc(
  node: QuorateNode,
  options: { readonly version: string; readonly admin?: AdminHooks },
): Promise<RpcAddresses> {
  const { replica, genesis, hash, log, config, home } = node;
  const rpc = createRpc({
    replica,
    genesis,
    hash,
    log,
    config: rpcConfig(config, resolve(home, config.admin.socket)),
    version: options.version,
    admin: {
      snapshot: async () => ({ height: await replica.takeSnapshot() }),
      ...(node.emulation === null ? {} : { emulateLinks: (links) => node.emulation?.emulate(links) }),
      ...options.admin,
    },
    ready: () => {
      const readiness = node.ready();
      if (readiness.silent === null) return readiness;
      return { ...readiness, ready: false, reasons: [...readiness.reasons, `silent: ${readiness.silent}`] };
    },
    counters: () => node.counters(),
  });
  return new Promise((listening) => {
    node.attach({ start: async () => listening(await rpc.listen()), stop: () => rpc.close() });
  });
}
