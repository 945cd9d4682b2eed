import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  type Application,
  type ApplicationParts,
  type Genesis,
  isQuorateError,
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
    const isMissing =
      error instanceof Error &&
      'code' in error &&
      error.code === 'MODULE_NOT_FOUND' &&
      error.message.includes(resolve(path));
    const problem = isMissing ? 'there is no such module' : firstLine(error);
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

const METHODS = [
  'info',
  'initChain',
  'checkTx',
  'prepareProposal',
  'processProposal',
  'finalizeBlock',
  'commit',
  'query',
  'close',
] as const satisfies readonly (keyof Application)[];
const CAPABILITIES = ['speculative', 'rollback', 'snapshots', 'extensions'] as const;
const SNAPSHOT_METHODS = ['list', 'load', 'offer', 'apply'] as const;
const EXTENSION_METHODS = ['extendVote', 'verifyVoteExtension'] as const;

/**
 * What a module's factory makes, once it has what the contract asks of it. Throws `config/invalid` with the name of the module
 * and of what is missing; an error that the application itself gave a code keeps it.
 */
export async function checkedApplication(
  path: string,
  factory: ApplicationFactory,
  context: ApplicationContext,
): Promise<Application> {
  const attempt = async <T>(what: string, work: () => T | Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (isQuorateError(error)) throw error;
      throw new QuorateError('config/invalid', `app: ${what} of ${path} failed: ${firstLine(error)}`, { cause: error });
    }
  };
  const application = await attempt('createApplication', () => factory(context));
  const fault = applicationFault(application);
  if (fault !== null) {
    throw new QuorateError('config/invalid', `app: what createApplication of ${path} returns ${fault}`);
  }
  try {
    const info: { readonly name?: unknown } | null | undefined = await attempt('info', () => application.info());
    if (typeof info?.name === 'string') return application;
    throw new QuorateError('config/invalid', `app: info of ${path} gives no name`);
  } catch (error) {
    try {
      await application.close();
    } catch {
      // What was wrong first is what counts.
    }
    throw error;
  }
}

/** What a value from a module lacks to be an application, in words, or null. */
function applicationFault(value: unknown): string | null {
  if (!isObject(value)) return `is ${value === null ? 'null' : typeof value}, not an application`;
  const missing = missingIn(value, METHODS);
  if (missing !== null) return `has no method ${missing}`;
  const { capabilities, snapshots, extensions } = value;
  if (!isObject(capabilities)) return 'has no capabilities';
  const unclear = CAPABILITIES.find((name) => typeof capabilities[name] !== 'boolean');
  if (unclear !== undefined) return `does not say capabilities.${unclear}: true or false`;
  const lacking = (name: string, part: unknown, methods: readonly string[]): string | null => {
    const lack = isObject(part) ? missingIn(part, methods) : (methods[0] ?? null);
    return lack === null ? null : `has no method ${name}.${lack}, although capabilities.${name} is true`;
  };
  return (
    (capabilities.snapshots === true ? lacking('snapshots', snapshots, SNAPSHOT_METHODS) : null) ??
    (capabilities.extensions === true ? lacking('extensions', extensions, EXTENSION_METHODS) : null)
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function missingIn(value: Readonly<Record<string, unknown>>, methods: readonly string[]): string | null {
  return methods.find((name) => typeof value[name] !== 'function') ?? null;
}

function firstLine(error: unknown): string {
  const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n', 1);
  return line;
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
