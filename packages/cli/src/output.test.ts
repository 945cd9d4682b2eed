import { expect, it } from 'vitest';
import { readable } from './output.ts';

const utf8 = new TextEncoder();

it.each<readonly [why: string, bytes: Uint8Array, shown: string]>([
  ['text', utf8.encode('{"total":5}'), '{"total":5}'],
  ['text of any language, on two lines', utf8.encode('größer\n数\t👩‍🔬'), 'größer\n数\t👩‍🔬'],
  ['nothing', new Uint8Array(), 'empty'],
  ['no UTF-8', Uint8Array.of(0xc3, 0x28), '0xc328, 2 bytes'],
  ['a zero', Uint8Array.of(0), '0x00, 1 byte'],
  ['what would colour the terminal', utf8.encode('\u001b[31m'), '0x1b5b33316d, 5 bytes'],
  ['what would turn the line round', utf8.encode('a\u202eb'), '0x61e280ae62, 5 bytes'],
])('shows %s', (_why, bytes, shown) => {
  expect(readable(bytes)).toBe(shown);
});
