import { expect, it } from 'vitest';
import { run } from './program.ts';

async function said(...args: string[]): Promise<{ code: number | null; text: string }> {
  let text = '';
  const code = await run(args, (more) => {
    text += more;
  });
  return { code, text };
}

it.each<readonly [why: string, args: readonly string[], text: RegExp]>([
  ['an unknown flag', ['status', '--nonsense'], /^quorate: unknown option '--nonsense'\n\(quorate status --help shows/],
  ['an unknown command', ['nonsense'], /^quorate: unknown command 'nonsense'\n\(quorate --help shows/],
  ['a flag that is missing', ['tx', 'send'], /^quorate: required option .*\n\(quorate tx send --help shows/],
  [
    'a checkpoint that is none',
    ['verify', 'me', '--checkpoint', 'x'],
    /^quorate: config\/invalid: --checkpoint: .*\n\(quorate verify --help shows/,
  ],
  ['the height of genesis', ['block', '0'], /^quorate: config\/invalid: height: heights begin at 1/],
  [
    'a key file that is missing',
    ['load', '--key', '/none'],
    /^quorate: config\/invalid: \/none: there is no such file/,
  ],
  [
    'an address that is none',
    ['tx', 'send', '--to', 'me', '--amount', '1', '--key', '/none'],
    /^quorate: address\/invalid: --to: .*\n\(quorate tx send --help shows/,
  ],
])('%s ends with 78 and points to the help', async (_why, args, text) => {
  expect(await said(...args)).toEqual({ code: 78, text: expect.stringMatching(text) });
});
