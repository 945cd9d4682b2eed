import { blockSync } from './block-sync.ts';
import { certificates } from './certificates.ts';
import { epochs } from './epochs.ts';
import { executor } from './executor.ts';
import { gate } from './gate.ts';
import { journal } from './journal.ts';
import type { Mutant } from './mutant.ts';
import { parents } from './parents.ts';
import { stateSync } from './state-sync.ts';
import { viewEntry } from './view-entry.ts';
import { votes } from './votes.ts';

/** Every deliberate bug, family by family. */
export const zoo: readonly Mutant[] = [
  ...votes,
  ...viewEntry,
  ...parents,
  ...certificates,
  ...gate,
  ...journal,
  ...blockSync,
  ...stateSync,
  ...epochs,
  ...executor,
];
