export * from './claims.ts';
export * from './fork.ts';
export * from './light-client.ts';
export * from './trust.ts';
