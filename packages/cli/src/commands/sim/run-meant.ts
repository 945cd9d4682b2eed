import { readFile } from 'node:fs/promises';
import { QuorateError } from '@quorate/kernel';
import { optionsOf, readTrace, type SeedOptions } from '@quorate/sim';
import { integer, problemOf } from '../../output.ts';
import { type RunFlags, settingsOf } from './flags.ts';

/** Which run is meant: a seed with the flags of its campaign, or a trace file. Throws `config/invalid`. */
export async function runMeant(
  file: string | undefined,
  flags: RunFlags & { readonly seed?: string },
): Promise<SeedOptions> {
  if (file === undefined) {
    if (flags.seed === undefined) throw new QuorateError('config/invalid', '--seed: name a seed, or a trace file');
    return { ...settingsOf(flags), seed: integer('--seed', flags.seed, 0, 0xffff_ffff) };
  }
  if (flags.seed !== undefined)
    throw new QuorateError('config/invalid', '--seed: the trace names its own; leave one of them out');
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new QuorateError('config/invalid', `${file}: ${problemOf(error)}`, { cause: error });
  });
  try {
    return optionsOf(readTrace(text));
  } catch (error) {
    throw new QuorateError('config/invalid', `${file}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}
