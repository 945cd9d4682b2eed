import { realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from '@quorate/crypto';
import {
  type Body,
  type Digest,
  type Genesis,
  genesisDigest,
  type Height,
  isQuorateError,
  QuorateError,
} from '@quorate/kernel';
import { compareStates, type StateComparison, type StateDifference, type Subject } from '@quorate/ledger';
import { NodeDisk, readGenesis } from '@quorate/node';
import { openRecords, type Records } from '@quorate/replica';
import { naming } from '../output.ts';

/** Differing keys that are looked for. */
const LIMIT = 100;

/** How the states of two stopped nodes compare. */
interface HomeComparison {
  readonly equal: boolean;
  readonly application: string;
  /** Height whose states were compared. */
  readonly height: Height;
  readonly roots: { readonly home: Digest; readonly against: Digest; readonly certified: Digest | null };
  /** The height after which the home stopped, when its block store says that it did. */
  readonly divergedAfter: Height | null;
  /** The entries that differ; null where only roots can be compared. */
  readonly state: StateComparison | null;
}

/** Compares the state in a home with that in another; both nodes are stopped. Throws what keeps the two from being compared. */
export async function compareHomes(home: string, against: string, height: Height | null): Promise<HomeComparison> {
  const genesis = await naming('--home: ', readGenesis(home));
  const other = await naming('--against: ', readGenesis(against));
  if (genesisDigest(sha256, genesis) !== genesisDigest(sha256, other)) {
    throw new QuorateError(
      'genesis/mismatch',
      `--against: ${against} is a home of ${other.chainId}, ${home} one of ${genesis.chainId}, or their genesis differs`,
    );
  }
  if ((await realpath(home)) === (await realpath(against))) {
    throw new QuorateError('config/invalid', `--against: ${against} is the home itself: name that of another node`);
  }
  return withHome(genesis, home, (mine) =>
    withHome(genesis, against, (theirs) =>
      genesis.application === 'ledger'
        ? compareLedgers(genesis, mine, theirs, height)
        : compareRoots(genesis, mine, theirs, height),
    ),
  );
}

/** A home while it is looked at. */
interface Home {
  readonly name: string;
  readonly disk: NodeDisk;
  /** Null when there is no block store. */
  readonly records: Records | null;
}

async function withHome<T>(genesis: Genesis, name: string, use: (home: Home) => Promise<T>): Promise<T> {
  const disk = await NodeDisk.open(name);
  try {
    return await use({ name, disk, records: await recordsOf(genesis, name, disk) });
  } finally {
    await disk.close();
  }
}

async function recordsOf(genesis: Genesis, name: string, disk: NodeDisk): Promise<Records | null> {
  if (!(await holds(name, 'blocks'))) return null;
  try {
    return await openRecords({ genesis }, { disk, hash: sha256 });
  } catch (error) {
    throw about(name, error);
  }
}

/** The error with the home that it is about, for there are two. */
function about(home: string, error: unknown): unknown {
  return isQuorateError(error) ? new QuorateError(error.code, `${home}: ${error.message}`, { cause: error }) : error;
}

/** What the block store of a home says; null without one. */
function asked<T>({ name, records }: Home, question: (records: Records) => T | null): T | null {
  try {
    return records === null ? null : question(records);
  } catch (error) {
    throw about(name, error);
  }
}

/** Whether a home has a store. Opening one that is not there would begin it. */
async function holds(home: string, store: string): Promise<boolean> {
  return stat(join(home, store, 'data.mdb')).then(
    () => true,
    () => false,
  );
}

async function compareLedgers(
  genesis: Genesis,
  mine: Home,
  theirs: Home,
  height: Height | null,
): Promise<HomeComparison> {
  const state = compareStates(
    { genesis, limit: LIMIT, ...(height === null ? {} : { height }) },
    {
      mine: { name: mine.name, store: await stateOf(mine) },
      theirs: { name: theirs.name, store: await stateOf(theirs) },
      hash: sha256,
      bodies: (at) => bodiesOf([mine, theirs], at),
    },
  );
  return compared(genesis, mine, theirs, state.height, [state.mine.stateRoot, state.theirs.stateRoot], state);
}

async function stateOf({ name, disk }: Home): ReturnType<NodeDisk['openStore']> {
  if (await holds(name, 'application')) return disk.openStore('application');
  throw new QuorateError('config/invalid', `${name} has no state: its folder application/ is missing`);
}

function* bodiesOf(homes: readonly Home[], height: Height): Generator<Body> {
  for (const { name, records } of homes) {
    try {
      if (records !== null) yield* records.bodies(height);
    } catch (error) {
      throw about(name, error);
    }
  }
}

async function compareRoots(
  genesis: Genesis,
  mine: Home,
  theirs: Home,
  wanted: Height | null,
): Promise<HomeComparison> {
  const [last, otherLast] = [mine, theirs].map(({ records }) => records?.executedHeight ?? null);
  if (last == null || otherLast == null) {
    const empty = last == null ? mine : theirs;
    throw new QuorateError('config/invalid', `${empty.name} has no executed block on record`);
  }
  const height = wanted ?? Math.min(last, otherLast);
  const root = (of: Home): Digest => {
    const found = asked(of, (records) => records.stateRoot(height));
    if (found !== null) return found;
    throw new QuorateError('config/invalid', `${of.name} has no state root of height ${height} on record`);
  };
  return compared(genesis, mine, theirs, height, [root(mine), root(theirs)], null);
}

function compared(
  { application }: Genesis,
  mine: Home,
  theirs: Home,
  height: Height,
  [home, against]: readonly [Digest, Digest],
  state: StateComparison | null,
): HomeComparison {
  const certifiedIn = (of: Home): Digest | null => asked(of, (records) => records.certifiedRoot(height));
  const certified = certifiedIn(mine) ?? certifiedIn(theirs);
  const divergedAfter = mine.records?.divergence?.height ?? null;
  return { equal: home === against, application, height, roots: { home, against, certified }, divergedAfter, state };
}

/** The comparison for whoever reads the terminal. */
export function describeComparison(comparison: HomeComparison): string {
  const { application, height, roots, divergedAfter, state } = comparison;
  const lines = [`compared       the states after height ${height}${state === null ? '' : reach(state)}`];
  if (divergedAfter !== null)
    lines.push(`on record      the node of --home stopped because of its state after height ${divergedAfter}`);
  lines.push(...blocksOf(state), `root, --home   ${roots.home}`, `root, against  ${roots.against}`);
  lines.push(`certified      ${certifiedBy(roots)}`);
  if (comparison.equal) return [...lines, 'The states are equal.'].join('\n');
  if (state === null) {
    lines.push(
      `The states differ. This chain runs the application ${application}: Quorate knows the roots of its state only, not its keys.`,
    );
    return lines.join('\n');
  }
  const { differences, complete } = state;
  const [first, ...more] = differences;
  const count = complete ? String(differences.length) : `at least ${differences.length}`;
  lines.push(`differing keys ${count}`);
  if (first !== undefined) lines.push(...describeFirst(first));
  if (more.length > 0) {
    const shown = more.slice(0, 9).map(({ key, subject }) => `  ${name(subject)} (${key.slice(0, 16)}…)`);
    lines.push('further ones', ...shown);
    if (more.length > shown.length) lines.push('  and others: --json has all that were counted');
  }
  return lines.join('\n');
}

function reach({ mine, theirs, height }: StateComparison): string {
  if (mine.to === theirs.to && height === mine.to) return ', the last of both';
  return `; --home has those of ${mine.from} to ${mine.to}, the other one of ${theirs.from} to ${theirs.to}`;
}

function blocksOf(state: StateComparison | null): string[] {
  const [mine, theirs] = [state?.mine.block ?? null, state?.theirs.block ?? null];
  if (mine === null || theirs === null || mine === theirs) return [];
  return [`blocks         they committed different ones: ${mine} in --home, ${theirs} in the other`];
}

function certifiedBy({ home, against, certified }: HomeComparison['roots']): string {
  if (certified === null) return 'unknown: no block here names the root of that height';
  if (certified === home && certified === against) return 'as both have it';
  if (certified === home) return 'as --home has it: the other state is the wrong one';
  if (certified === against) return 'as the other one has it: the state of --home is the wrong one';
  return `${certified}, which neither has`;
}

function describeFirst({ key, subject, mine, theirs }: StateDifference): string[] {
  return [
    `first          ${name(subject)}`,
    `  key digest   ${key}`,
    `  --home       ${mine === null ? 'nothing' : JSON.stringify(mine)}`,
    `  against      ${theirs === null ? 'nothing' : JSON.stringify(theirs)}`,
  ];
}

/** What an entry is, in words. */
function name({ kind, name }: Subject): string {
  if (kind === 'unknown') return 'an entry of unknown kind';
  if (name !== null) return `${kind} ${name}`;
  return kind === 'account' || kind === 'namespace' ? `${kind} that neither state nor recent blocks name` : kind;
}
