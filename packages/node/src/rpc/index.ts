export type { AdminHooks } from './admin.ts';
export { RPC_DEFAULTS, type RpcConfig, rpcConfig } from './config.ts';
export { createRpc, type Rpc, type RpcAddresses, type RpcOptions } from './rpc.ts';
export { attachRpc } from './service.ts';
