import { bondOf, type Client, fromBase64, parseOffer, Sender, type SubmissionJson } from '@quorate/client';
import { sha256 } from '@quorate/crypto';
import { type Action, decodeParameters, Outcome, transactionId } from '@quorate/ledger';
import { Command } from 'commander';
import { asks, type ConnectionFlags, connect, DEFAULT_URL } from '../connection.ts';
import { address, amount, hexBytes, naming, print, readNamed, readNamedText, table } from '../output.ts';
import { loadKey } from '../secrets.ts';

/** How long a command waits until a transaction is final, ms. */
const WAIT_MS = 30_000;

interface AccountFlags extends ConnectionFlags {
  readonly key: string;
  readonly amount: string;
  readonly passphraseFile?: string;
}

/** Adds the flags of every command that moves tokens of an account. */
function spends(command: Command): Command {
  return asks(command)
    .requiredOption('--amount <n>', 'tokens, in the smallest unit')
    .option('--key <file>', 'key file of the paying account', '.devnet/faucet.json')
    .option('--passphrase-file <file>', 'file with the passphrase of the key file');
}

/** Sends one action of an account, waits until it is final and says what became of it. */
async function act(flags: AccountFlags, action: Action): Promise<void> {
  const key = await loadKey(flags.key, 'account', {
    passphraseFile: flags.passphraseFile,
    otherwise: 'name the paying account with --key',
  });
  const client = connect(flags.url);
  const sender = await Sender.open({}, { client, key });
  const began = performance.now();
  const result = await sender.send(action, { wait: 'final', waitMs: WAIT_MS });
  const took = Math.round(performance.now() - began);
  const tooSmall = result.status === 'final' && result.receipt.code === Outcome.stakeTooSmall;
  const hint = tooSmall ? await leastStake(client, action).catch(() => null) : null;
  print({ ...result, from: sender.address, ms: took, ...(hint === null ? {} : { hint }) }, flags, (r) =>
    r.status === 'final'
      ? table([
          ['transaction', r.id],
          [r.receipt.code === 0 ? 'final' : 'failed', `at height ${r.height}, ${r.ms} ms after it was sent`],
          ...(r.receipt.code === 0 ? [] : [['reason', r.hint ?? r.receipt.log] as const]),
          ...(r.receipt.code === 0 ? stakeRow(action, `quorate account ${r.from}${elsewhere(flags)}`) : []),
        ])
      : unsettled(r, flags),
  );
  if (result.status !== 'final' || result.receipt.code !== 0) process.exitCode = 1;
}

/** What is said of a transaction that is not final, or not yet. */
export function unsettled(
  result: Exclude<SubmissionJson, { readonly status: 'final' }>,
  { url }: ConnectionFlags,
): string {
  if (result.status !== 'accepted') return `${result.status}  ${result.id}: ${result.reason}`;
  return `not final within ${WAIT_MS / 1000} s; ask again: quorate tx status ${result.id}${elsewhere({ url })}`;
}

/** The flag with which the next command asks the same node. */
function elsewhere({ url }: ConnectionFlags): string {
  return url === DEFAULT_URL ? '' : ` --url ${url}`;
}

/** Where to see what became of stake. */
function stakeRow({ kind }: Action, command: string): readonly (readonly [name: string, value: string])[] {
  if (kind === 'bond') return [['when it counts', command]];
  return kind === 'unbond' ? [['when it is paid', command]] : [];
}

async function offerIn(file: string): Promise<ReturnType<typeof parseOffer>> {
  const text = await readNamedText('--offer: ', file);
  return naming(`--offer: ${file}: `, Promise.resolve(text).then(parseOffer));
}

/** Why so little stake is refused, in numbers. Throws when the node does not say what a unit is. */
async function leastStake(client: Client, action: Action): Promise<string | null> {
  const { stakeUnit } = decodeParameters(fromBase64((await client.query({ path: 'parameters' })).value));
  if (action.kind === 'bond')
    return `--amount ${action.amount} counts in the token's smallest unit; a validator has ${stakeUnit} of it behind it at least`;
  return `--amount would leave less than ${stakeUnit}, the least stake of a validator: take out all of it, or less`;
}

/** `quorate tx`: send a payment, bond stake, look a transaction up. */
export function txCommand(): Command {
  const tx = new Command('tx').description('send a payment, bond stake, look a transaction up');
  spends(tx.command('send').description('pay from an account and wait until the payment is final'))
    .requiredOption('--to <address>', 'receiving address')
    .action(async (flags: AccountFlags & { to: string }) => {
      const value = amount('--amount', flags.amount);
      await act(flags, { kind: 'transfer', to: address('--to', flags.to), amount: value });
    });
  spends(tx.command('bond').description('put stake behind a validator that was offered to the account'))
    .requiredOption('--offer <file>', 'what `quorate keys offer` wrote at the home of the validator')
    .action(async (flags: AccountFlags & { offer: string }) => {
      const value = amount('--amount', flags.amount);
      const offer = await offerIn(flags.offer);
      await act(flags, bondOf(offer, value));
    });
  spends(tx.command('unbond').description('take stake out again; it comes back after the unbonding delay'))
    .requiredOption('--validator <key>', 'voting key of the validator, in hexadecimal')
    .action(async (flags: AccountFlags & { validator: string }) => {
      const value = amount('--amount', flags.amount);
      const publicKey = hexBytes('--validator', flags.validator, 1);
      await act(flags, { kind: 'unbond', publicKey, amount: value });
    });
  asks(
    tx
      .command('submit')
      .description(
        "submit the bytes of a transaction as they are, for a state machine of one's own, and wait until it is final; equal bytes are one transaction and count once",
      ),
  )
    .argument('<text>', 'the transaction as text, or @FILE for the bytes of a file')
    .action(async (text: string, flags: ConnectionFlags) => {
      const bytes = text.startsWith('@') ? await readNamed('', text.slice(1)) : new TextEncoder().encode(text);
      const client = connect(flags.url);
      // The answer to a submission does not tell what is final since long from what became final just now.
      const known = await client.transaction(transactionId(sha256, bytes));
      const before = known.status === 'final';
      const result = before ? known : await client.submit(bytes, { wait: 'final', waitMs: WAIT_MS });
      print({ ...result, ...(before ? { before } : {}) }, flags, (r) => {
        if (r.status !== 'final') return unsettled(r, flags);
        const failed = r.receipt.code === 0 ? '' : `; failed: ${r.receipt.log}`;
        const again = before ? ' already, when the same bytes were submitted before: equal bytes count once' : '';
        return `final  ${r.id} at height ${r.height}${again}${failed}`;
      });
      if (result.status !== 'final' || result.receipt.code !== 0) process.exitCode = 1;
    });
  asks(tx.command('status').description('what became of a transaction'))
    .argument('<id>', 'digest of the transaction')
    .action(async (id: string, flags: ConnectionFlags) => {
      const status = await connect(flags.url).transaction(id);
      print(status, flags, (s) => {
        switch (s.status) {
          case 'unknown':
            return 'unknown to this node: never received, or older than it remembers';
          case 'pending':
            return `pending since ${new Date(s.since).toISOString()}`;
          case 'final':
            return `final at height ${s.height}, place ${s.index}${s.receipt.code === 0 ? '' : `; failed: ${s.receipt.log}`}`;
          default:
            return `${s.status}: ${s.reason}`;
        }
      });
    });
  return tx;
}
