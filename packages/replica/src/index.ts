export * from './api.ts';
export { type Examination, examineHome, openRecords, type Records } from './examine.ts';
export { mechanismNames } from './mechanisms.ts';
export { createReplica } from './replica.ts';
