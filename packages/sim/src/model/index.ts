export { checkModel, type ModelReport } from './check.ts';
export type { ModelOptions, ModelProgress } from './options.ts';
