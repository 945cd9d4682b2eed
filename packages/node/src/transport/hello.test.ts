import { sha256 } from '@quorate/crypto';
import { conformance, decode, encode } from '@quorate/kernel';
import { expect, test } from 'vitest';
import { type Hello, helloCodec, mismatch, readRefusal, WIRE_PROTOCOL, writeRefusal } from './hello.ts';

const own: Hello = {
  protocol: WIRE_PROTOCOL,
  chainId: 'a',
  genesis: '11'.repeat(32),
  minProtocol: 1,
  maxProtocol: 2,
  software: 'test',
  session: '00'.repeat(8),
};

test('the wire form is fixed: a change of this hash is a change of the protocol', () => {
  expect(conformance(helloCodec, sha256)).toMatchInlineSnapshot(
    `"408138bcf76f13da64cb7522ef30e37dd05bac4096e825b9c6daaab171d47cd6"`,
  );
});

test('an empty range of versions is refused', () => {
  expect(decode(helloCodec, encode(helloCodec, own))).toEqual(own);
  const empty = encode(helloCodec, { ...own, minProtocol: 3 });
  expect(() => decode(helloCodec, empty)).toThrow(expect.objectContaining({ code: 'codec/invalid' }));
});

test('ranges of protocol versions meet or do not: what a rolling upgrade relies on', () => {
  expect(mismatch(own, { ...own, minProtocol: 2, maxProtocol: 3 })).toBeNull();
  expect(mismatch(own, { ...own, minProtocol: 3, maxProtocol: 4 })).toMatch(/do not meet/);
});

test('reasons are short and printable, whoever wrote them', () => {
  expect(readRefusal(writeRefusal(`no\u001b[31m\n${'x'.repeat(1000)}`))).toMatch(/^no\?\[31m\?x{248}$/);
  expect(readRefusal(Uint8Array.of(1, 2, 3))).toBe('no readable reason');
});
