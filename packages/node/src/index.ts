export { type ApplicationContext, type ApplicationFactory, loadApplication } from './application.ts';
export { type ConfigSources, configTable, describeConfig, loadConfig, type SettingInfo } from './config.ts';
export { NodeDisk } from './disk/node-disk.ts';
export { canonicalJson, parseGenesis, renderGenesis } from './genesis-file.ts';
export {
  HOME,
  readConfigFile,
  readGenesis,
  readKey,
  readKeyText,
  writeConfigFile,
  writeGenesis,
  writeKeyText,
} from './home.ts';
export { createLogging, type Logging } from './logging.ts';
export { createNodeHash } from './native/node-hash.ts';
export { createNativeSuites } from './native/suites.ts';
export {
  createNode,
  type NodeOptions,
  type NodeOverrides,
  type NodeService,
  type Phase,
  PROTOCOL_VERSIONS,
  QuorateNode,
  type Readiness,
  SOFTWARE,
} from './node.ts';
export { createClock, createRandom } from './ports.ts';
export {
  type AdminHooks,
  attachRpc,
  createRpc,
  RPC_DEFAULTS,
  type Rpc,
  type RpcAddresses,
  type RpcConfig,
  type RpcOptions,
  rpcConfig,
} from './rpc/index.ts';
export { EXIT, exitCodeOf, failureLine, type ProcessSignals, runNode } from './run.ts';
export { type NodeConfig, parsePeer, settings } from './settings.ts';
export { parseAddress } from './transport/address.ts';
export {
  createTlsMesh,
  TlsMesh,
  type TlsMeshLimits,
  type TlsMeshOptions,
  type TlsMeshParts,
} from './transport/mesh.ts';
