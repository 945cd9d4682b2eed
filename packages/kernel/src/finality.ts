import type { Digest } from './bytes.ts';
import type { Certificate } from './certificates.ts';
import type { Epoch, Height } from './statements.ts';

/**
 * What an engine promises about a block. Engines differ in what they can promise, so the promise is data:
 * applications, the API and the pricing of finality read the grade, never a boolean.
 */
export type Finality =
  /** Buried under work: reversible by whoever outworks it. */
  | { readonly grade: 'probabilistic'; readonly depth: number; readonly work: bigint; readonly probability: number }
  /** Its place in the order is fixed; the state after it is not yet certified. */
  | { readonly grade: 'ordered' }
  /** A checkpoint that two thirds linked to; final once its child is justified. */
  | { readonly grade: 'justified'; readonly checkpoint: { readonly epoch: Epoch; readonly root: Digest } }
  /** Irreversible by a rule of the mechanism, with what shows it. */
  | { readonly grade: 'irreversible'; readonly rule: string; readonly proof: Uint8Array }
  /** Certified: reversing it convicts at least a third of the weight. The certificate may be a descendant's. */
  | { readonly grade: 'final'; readonly certificate: Certificate; readonly certifiedHeight: Height };

export type FinalityGrade = Finality['grade'];
