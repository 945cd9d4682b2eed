import { QuorateError } from '@quorate/kernel';
import type { Choice } from '../decisions.ts';

/** A field of a choice that is a number. Throws `config/invalid` when it is not. */
export function numberIn(choice: Choice, field: string): number {
  const value = choice[field];
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    throw new QuorateError('config/invalid', `${choice.kind}: ${field} must be a number, not ${String(value)}`);
  }
  return value;
}
