export * from './fork.ts';
export * from './light-client.ts';
export * from './state.ts';
export * from './trust.ts';
