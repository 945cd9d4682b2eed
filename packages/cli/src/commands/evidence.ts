import type { Result } from '@quorate/client';
import { fromHex, isHex, QuorateError } from '@quorate/kernel';
import { Command } from 'commander';
import { asks, type ConnectionFlags, connect } from '../connection.ts';
import { integer, print, readNamedText } from '../output.ts';

/** Attempts for each piece: a node takes only so many in a second. */
const RETRIES = 8;

/** `quorate evidence`: who misbehaved, and telling a node of it. */
export function evidenceCommand(): Command {
  const evidence = new Command('evidence').description('evidence of misbehaviour: show it, hand it to a node');
  asks(
    evidence
      .command('submit')
      .description(
        'hand the evidence in a file to a node, which verifies it, tells its peers and has it put into a block',
      ),
  )
    .argument('<file>', 'what `quorate verify --compare … --evidence` wrote, or the fork.json of a node that halted')
    .action(async (file: string, flags: ConnectionFlags) => {
      const pieces = piecesIn(await readNamedText('', file), file);
      const client = connect(flags.url, { retries: RETRIES });
      const results: (Pick<Piece, 'signer' | 'kind'> & Result<'submitEvidence'>)[] = [];
      for (const { signer, kind, bytes } of pieces)
        results.push({ signer, kind, ...(await client.submitEvidence(bytes)) });
      print({ results }, flags, () =>
        results
          .map((result) => {
            const what = `validator ${result.signer}, ${result.kind}`;
            return result.status === 'accepted'
              ? `accepted  ${what}: offence ${result.offence}`
              : `rejected  ${what}: ${result.reason}`;
          })
          .join('\n'),
      );
      if (results.some(({ status }) => status !== 'accepted')) process.exitCode = 1;
    });
  asks(evidence.command('list').description('the evidence that a node knows, newest first'))
    .option('--limit <n>', 'at most so many', '64')
    .action(async (flags: ConnectionFlags & { limit: string }) => {
      const answer = await connect(flags.url).evidence(integer('--limit', flags.limit, 1, 256));
      print(answer, flags, (a) =>
        a.evidence.length === 0
          ? 'none'
          : a.evidence
              .map(({ signer, offender, kind, epoch, view, height }) => {
                const where = height === null ? 'waits for a block' : `in block ${height}`;
                return `validator ${signer} of epoch ${epoch}, ${kind} in view ${view}, ${where}, key ${offender}`;
              })
              .join('\n'),
      );
    });
  return evidence;
}

interface Piece {
  readonly signer: unknown;
  readonly kind: unknown;
  readonly bytes: Uint8Array;
}

/** Throws `config/invalid` when the text is no report of a fork, or one without evidence that a node could take. */
function piecesIn(text: string, file: string): Piece[] {
  const refuse = (problem: string, cause?: unknown): never => {
    throw new QuorateError('config/invalid', `${file}: ${problem}`, { cause });
  };
  let report: unknown;
  try {
    report = JSON.parse(text);
  } catch (error) {
    return refuse('it is not JSON', error);
  }
  const { evidence, unattributable }: { evidence?: unknown; unattributable?: unknown } = Object(report);
  if (!Array.isArray(evidence)) return refuse('it holds no evidence');
  if (evidence.length === 0) return refuse(`no vote in it convicts anybody: ${String(unattributable)}`);
  return evidence.map((piece: unknown): Piece => {
    const { signer, kind, evidence: hex }: { signer?: unknown; kind?: unknown; evidence?: unknown } = Object(piece);
    if (typeof hex !== 'string' || !isHex(hex)) return refuse('a piece of its evidence is not hexadecimal');
    return { signer, kind, bytes: fromHex(hex) };
  });
}
