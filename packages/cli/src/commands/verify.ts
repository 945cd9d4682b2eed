import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type TrustRoot, VerifyingClient } from '@quorate/client';
import { isHex, isQuorateError, QuorateError, type SuiteName } from '@quorate/kernel';
import { type ForkJson, type TrustState, trustFromJson } from '@quorate/light';
import { createNativeSuites, failureLine, parseGenesis } from '@quorate/node';
import { Command } from 'commander';
import { asks, type ConnectionFlags, connect } from '../connection.ts';
import { integer, isMissing, naming, note, print, problemOf, table, writeNew } from '../output.ts';
import { stakeRows, stakingBy, stakingOf } from '../stake-text.ts';

const HOURS = 3_600_000;
const DEFAULT_GENESIS = '.devnet/validator-0/genesis.json';

interface TrustFlags {
  readonly genesis?: string;
  readonly checkpoint?: string;
  readonly chainId?: string;
  readonly epochLength?: string;
  readonly suite?: string;
  readonly trustingHours: string;
  readonly trustFile?: string;
  readonly allowExpired?: boolean;
}

/** Adds the flags that say what to trust, for commands that verify. */
function trusts(command: Command): Command {
  return command
    .option('--genesis <file>', `trust this genesis file (default: ${DEFAULT_GENESIS})`)
    .option('--checkpoint <height:digest>', 'trust this block instead; needs --chain-id, --epoch-length and --suite')
    .option('--chain-id <id>', 'chain of the checkpoint')
    .option('--epoch-length <n>', 'heights per epoch of that chain')
    .option('--suite <suite>', 'signature suite of that chain: ed25519 or bls12-381')
    .option('--trusting-hours <n>', 'how long verified trust lasts; shorter than unbonding takes', '336')
    .option('--trust-file <file>', 'keep the trust that was reached there, and go on from it')
    .option('--allow-expired', 'build on trust that is older than that, knowing that its signers may have unbonded');
}

async function rootOf(flags: TrustFlags): Promise<TrustRoot> {
  if (flags.checkpoint === undefined) {
    const file = flags.genesis ?? DEFAULT_GENESIS;
    try {
      return { kind: 'genesis', genesis: parseGenesis(await readFile(resolve(file), 'utf8')) };
    } catch (error) {
      if (isQuorateError(error)) throw error;
      const problem = isMissing(error) ? 'there is no such file' : problemOf(error);
      throw new QuorateError(
        'config/invalid',
        `--genesis: ${file}: ${problem}: name what to trust with --genesis or --checkpoint`,
        { cause: error },
      );
    }
  }
  const [height = '', digest = ''] = flags.checkpoint.split(':');
  if (!isHex(digest, 32))
    throw new QuorateError(
      'config/invalid',
      '--checkpoint: wanted is height:digest, the digest as 64 hexadecimal characters',
    );
  const { chainId, epochLength, suite } = flags;
  if (chainId === undefined || epochLength === undefined || suite === undefined) {
    throw new QuorateError(
      'config/invalid',
      '--checkpoint needs --chain-id, --epoch-length and --suite: a server must not choose them',
    );
  }
  return {
    kind: 'checkpoint',
    chainId,
    epochLength: integer('--epoch-length', epochLength, 2, Number.MAX_SAFE_INTEGER),
    suite: suiteNamed(suite),
    height: integer('--checkpoint', height, 1, Number.MAX_SAFE_INTEGER),
    digest,
  };
}

function suiteNamed(name: string): SuiteName {
  if (name === 'ed25519' || name === 'bls12-381') return name;
  throw new QuorateError('config/invalid', `--suite: ${name} is not ed25519 or bls12-381`);
}

/** A verifier, and the trust of an earlier run with which it begins; null when it begins with genesis or the checkpoint. */
interface Beginning {
  readonly verifier: VerifyingClient;
  readonly stored: TrustState | null;
}

async function beginningOf(flags: TrustFlags & ConnectionFlags): Promise<Beginning> {
  const root = await rootOf(flags);
  const { trustFile } = flags;
  const storedTrust = trustFile === undefined ? null : await readFile(trustFile, 'utf8').catch(() => null);
  const name = root.kind === 'genesis' ? root.genesis.suite : root.suite;
  const suite = createNativeSuites([name === 'bls12-381' ? name : 'ed25519']).get(name);
  const verifier = new VerifyingClient(
    {
      root,
      trustingPeriod: periodOf(flags),
      storedTrust,
      allowExpired: flags.allowExpired === true,
    },
    {
      client: connect(flags.url),
      suite,
      onTrust: async (json) => {
        if (trustFile !== undefined) await naming('--trust-file: ', writeFile(trustFile, json, { mode: 0o600 }));
      },
    },
  );
  return { verifier, stored: storedTrust === null ? null : trustFromJson(storedTrust) };
}

function periodOf({ trustingHours }: TrustFlags): number {
  return integer('--trusting-hours', trustingHours, 1, 100_000) * HOURS;
}

/** What was trusted before an answer, and what is from now on: times in Unix ms, ends where nothing newer is verified before. */
interface TrustReport {
  /** `file`: what an earlier run left in the trust file. */
  readonly from: 'genesis' | 'checkpoint' | 'file';
  readonly file: string | null;
  readonly stored: { readonly height: number; readonly time: number; readonly ends: number } | null;
  readonly now: { readonly height: number; readonly time: number; readonly ends: number } | null;
}

function trustReport(flags: TrustFlags, { verifier, stored }: Beginning): TrustReport {
  const span = ({ height, time }: TrustState) => ({ height, time, ends: time + periodOf(flags) });
  const root = flags.checkpoint === undefined ? 'genesis' : 'checkpoint';
  return {
    from: stored === null ? root : 'file',
    file: flags.trustFile ?? null,
    stored: stored === null ? null : span(stored),
    now: verifier.trust === null ? null : span(trustFromJson(verifier.trust)),
  };
}

const day = (time: number): string => new Date(time).toISOString();

/** A stretch of time in the unit that suits it. */
function ageText(ms: number): string {
  if (ms < 120_000) return `${Math.max(0, Math.round(ms / 1000))} s`;
  return ms < 2 * HOURS ? `${Math.round(ms / 60_000)} minutes` : `${(ms / HOURS).toFixed(1)} hours`;
}

/** Where trust came from and, where a file keeps it, how old it was and when it ends. */
function trustRows({ from, file, stored, now }: TrustReport, clock: number) {
  const began =
    stored === null
      ? from
      : `${file}: block ${stored.height}, ${ageText(clock - stored.time)} old; it would have ended ${day(stored.ends)}`;
  return [
    ['trust from', began],
    ...(file === null || now === null
      ? []
      : [
          [
            'trust kept',
            `in ${file}: block ${now.height}; it ends ${day(now.ends)} unless a run renews it before`,
          ] as const,
        ]),
  ] as const;
}

/** Who signed what: a line for each certificate, each signer of both, each piece of evidence. */
function conflictRows({ height, blocks, signersOfBoth, weight, total, evidence, unattributable }: ForkJson) {
  return [
    ['CONFLICT', `two blocks are final at height ${height}`],
    ...blocks.map(
      ({ epoch, view, height: certified, digest }, i) =>
        [`certificate ${i + 1}`, `of block ${digest} at height ${certified}, view ${view} of epoch ${epoch}`] as const,
    ),
    ['signed both', `validators with ${weight} of ${total} weight`],
    ...signersOfBoth.map(
      ({ signer, publicKey, weight: own, address }) =>
        [`  validator ${signer}`, `weight ${own}, key ${publicKey}${address === '' ? '' : `, ${address}`}`] as const,
    ),
    ...evidence.map(
      ({ kind, epoch, view, signer }) =>
        ['evidence', `validator ${signer}: ${kind} in view ${view} of epoch ${epoch}`] as const,
    ),
    ...(unattributable === null ? [] : [['no evidence', unattributable] as const]),
  ] as const;
}

/** `quorate verify`: an account's balance, believed because it is proven. */
export function verifyCommand(): Command {
  return trusts(
    asks(
      new Command('verify').description(
        "prove an account's balance, with trust in genesis or a checkpoint and in no server",
      ),
    ),
  )
    .argument('<address>', 'address of the account')
    .option('--compare <url>', 'also ask this server, and show the evidence when the two contradict each other')
    .option('--evidence <file>', 'write that evidence there too, for `quorate evidence submit`')
    .action(async (address: string, flags: TrustFlags & ConnectionFlags & { compare?: string; evidence?: string }) => {
      if (flags.evidence !== undefined && flags.compare === undefined)
        throw new QuorateError('config/invalid', '--evidence needs --compare: evidence is what two servers say');
      const beginning = await beginningOf(flags);
      const { verifier } = beginning;
      const { account, height, header } = await verifier.verifiedAccount(address);
      const comparison =
        flags.compare === undefined ? null : await verifier.compareWith(connect(flags.compare), header.header.height);
      const conflict = comparison?.kind === 'fork' ? comparison.report : null;
      const answer = {
        address,
        balance: account === null ? null : account.balance.toString(),
        nonce: account?.nonce ?? null,
        height,
        certifiedBy: {
          height: header.header.height,
          epoch: header.header.epoch,
          digest: header.digest,
          time: header.header.time,
        },
        root: flags.checkpoint === undefined ? 'genesis' : 'checkpoint',
        trust: trustReport(flags, beginning),
        agrees: comparison === null ? null : conflict === null,
        conflict,
      };
      print(answer, flags, (a) =>
        table([
          ['address', a.address],
          ['balance', a.balance ?? 'no such account, and that is proven'],
          ['nonce', a.nonce ?? '-'],
          ['state after', `height ${a.height}`],
          [
            'certified by',
            `block ${a.certifiedBy.height} of epoch ${a.certifiedBy.epoch}, ${new Date(a.certifiedBy.time).toISOString()}`,
          ],
          ...trustRows(a.trust, Date.now()),
          ...(a.agrees === true ? [['compared', 'both servers agree'] as const] : []),
          ...(a.conflict === null ? [] : conflictRows(a.conflict)),
        ]),
      );
      if (conflict === null) return;
      // A file that cannot be written must not hide what was found.
      if (flags.evidence !== undefined)
        await writeNew(flags.evidence, `${JSON.stringify(conflict, null, 2)}\n`).then(
          () => note(`quorate: the evidence is in ${flags.evidence}`),
          (error: unknown) => note(failureLine(error)),
        );
      throw new QuorateError(
        'light/conflict',
        `two blocks are finalized at height ${conflict.height}: trust no server of this chain`,
      );
    });
}

/** `quorate account`: the same, short, and the stake of the account. */
export function accountCommand(): Command {
  return trusts(
    asks(
      new Command('account').description(
        'balance and nonce of an account, proven against genesis or a checkpoint; and, as the node says it, what the account has bonded, from when on that counts, and when unbonded stake is paid out',
      ),
    ),
  )
    .argument('<address>', 'address of the account')
    .action(async (address: string, flags: TrustFlags & ConnectionFlags) => {
      const { account, height } = await (await beginningOf(flags)).verifier.verifiedAccount(address);
      const all = await stakingOf(connect(flags.url));
      const staking = all === null ? null : stakingBy(all, address);
      const answer = {
        address,
        balance: (account?.balance ?? 0n).toString(),
        nonce: account?.nonce ?? 0,
        height,
        proven: true,
        staking: staking === null ? null : { ...staking, proven: false },
      };
      print(answer, flags, (a) =>
        [`balance ${a.balance}, nonce ${a.nonce} after height ${a.height}, proven`, ...stakeRows(staking)].join('\n'),
      );
    });
}
