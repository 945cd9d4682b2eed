export { Simplex, type SimplexStatus } from './engine.ts';
export { LeaderSchedule } from './leader.ts';
export { decodeLimits, epochOfMessage, type SimplexMessage, simplexMessageCodec } from './messages.ts';
export { type SimplexRecord, simplexRecordCodec } from './records.ts';
export type { SimplexOptions, SimplexParts } from './state.ts';
export { type Timing, timingFrom } from './timing.ts';
