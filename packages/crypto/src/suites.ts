import { QuorateError, type SignatureSuite, type SuiteName } from '@quorate/kernel';
import { createBls12381Suite } from './bls12381.ts';
import { createEd25519Suite } from './ed25519.ts';

/** The signature suites of one process, by name: pure ones first, replaced by native ones where there are any. */
export class SuiteRegistry {
  readonly #suites = new Map<SuiteName, SignatureSuite>();

  constructor(suites: readonly SignatureSuite[] = []) {
    for (const suite of suites) this.register(suite);
  }

  /** Adds a suite, or replaces the one of the same name. */
  register(suite: SignatureSuite): void {
    this.#suites.set(suite.name, suite);
  }

  has(name: SuiteName): boolean {
    return this.#suites.has(name);
  }

  /** The suite of this name. Throws `suite/unknown`. */
  get(name: SuiteName): SignatureSuite {
    const suite = this.#suites.get(name);
    if (suite === undefined) {
      const known = this.names().join(', ') || 'none';
      throw new QuorateError('suite/unknown', `signature suite ${name} is not available here (available: ${known})`);
    }
    return suite;
  }

  /** In alphabetical order. */
  names(): SuiteName[] {
    return [...this.#suites.keys()].sort();
  }
}

/** Ed25519 and BLS12-381 in pure JavaScript: for browsers, light clients, and as the oracle of native suites. */
export function createPureSuites(): SuiteRegistry {
  return new SuiteRegistry([createEd25519Suite(), createBls12381Suite()]);
}
