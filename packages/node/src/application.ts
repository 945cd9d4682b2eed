import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  type Application,
  type ApplicationParts,
  type Genesis,
  QuorateError,
  type SignatureSuite,
} from '@quorate/kernel';
import { createLedger } from '@quorate/ledger';
import type { Log } from '@quorate/replica';

/** What an application is given to build on: its own durable store in the node's home, a hash, and what node it is part of. */
export interface ApplicationContext extends ApplicationParts {
  readonly genesis: Genesis;
  readonly log: Log;
}

/** What the module named by `app` exports as `createApplication`. */
export type ApplicationFactory = (context: ApplicationContext) => Application | Promise<Application>;

/** The factory that a module exports. Throws `config/invalid` when there is none. */
export async function loadApplication(path: string): Promise<ApplicationFactory> {
  let module: unknown;
  try {
    // A folder stands for the main file of its package.
    module = await import(pathToFileURL(createRequire(import.meta.url).resolve(resolve(path))).href);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new QuorateError('config/invalid', `app: cannot load ${path}: ${problem}`, { cause: error });
  }
  if (!exportsApplication(module)) {
    throw new QuorateError('config/invalid', `app: ${path} does not export a function createApplication`);
  }
  return module.createApplication;
}

function exportsApplication(module: unknown): module is { readonly createApplication: ApplicationFactory } {
  return (
    typeof module === 'object' &&
    module !== null &&
    'createApplication' in module &&
    typeof module.createApplication === 'function'
  );
}

/** The built-in application. Signatures of accounts are Ed25519 whatever the validators use. */
export function ledgerFactory(suites: {
  readonly account: SignatureSuite;
  readonly voting: SignatureSuite;
}): ApplicationFactory {
  return ({ store, hash }) =>
    createLedger(
      {},
      {
        store,
        hash,
        verifySignatures: (items) => suites.account.findInvalid(items),
        votingSuite: suites.voting,
      },
    );
}
