export * from './api.ts';
export { type Examination, examineHome, openRecords, type Records } from './examine.ts';
export type { EngineContext, Mechanism } from './mechanism.ts';
export { mechanismNames, simplexMechanism } from './mechanisms.ts';
export { createReplica } from './replica.ts';
export {
  type BodiesMessage,
  bodiesCodec,
  type CarriedBlock,
  type Envelope,
  envelopeCodec,
  type GossipMessage,
  gossipCodec,
  type SyncMessage,
  syncCodec,
} from './wire.ts';
