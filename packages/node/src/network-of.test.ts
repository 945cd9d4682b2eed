import { isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { networkOf } from './network-of.ts';

const groups = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 });
const octets = fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 4, maxLength: 4 });

const dotted = (high = 0, low = 0): string => [high >> 8, high & 255, low >> 8, low & 255].join('.');

/** Every way of writing one address that this test knows: case, padding, a dotted end, a run of zeros left out, an interface. */
function writings(address: readonly number[]): string[] {
  const hex = address.map((group) => group.toString(16));
  const ends = [hex, [...hex.slice(0, 6), dotted(address[6], address[7])]];
  const found = ends.flatMap((parts) => {
    const shortened: string[] = [];
    for (let from = 0; from < 8; from++) {
      for (let to = from + 1; to <= parts.length && address.slice(from, to).every((group) => group === 0); to++) {
        if (parts[to - 1]?.includes('.')) break;
        shortened.push(`${parts.slice(0, from).join(':')}::${parts.slice(to).join(':')}`);
      }
    }
    return [
      parts.join(':'),
      parts.map((part) => (part.includes('.') ? part : part.padStart(4, '0'))).join(':'),
      ...shortened,
    ];
  });
  return [...found, ...found.map((text) => text.toUpperCase()), ...found.map((text) => `${text}%eth0`)];
}

const isMapped = (address: readonly number[]): boolean =>
  address.slice(0, 5).every((group) => group === 0) && address[5] === 0xffff;

describe('the network that a limit counts', () => {
  it('is one for all ways of writing an address', () => {
    fc.assert(
      fc.property(groups, (address) => {
        const texts = writings(address);
        for (const text of texts) expect(isIPv6(text), text).toBe(true);
        expect(new Set(texts.map(networkOf)).size).toBe(1);
      }),
    );
  });

  it('is the same for two IPv6 addresses when their first 64 bits are, and only then', () => {
    fc.assert(
      fc.property(groups, groups, fc.integer({ min: 0, max: 4 }), (one, other, shared) => {
        const another = [...one.slice(0, shared), ...other.slice(shared)];
        fc.pre(!isMapped(one) && !isMapped(another));
        const same = one.slice(0, 4).every((group, index) => group === another[index]);
        expect(
          networkOf(one.map((group) => group.toString(16)).join(':')) ===
            networkOf(another.map((group) => group.toString(16)).join(':')),
        ).toBe(same);
      }),
    );
  });

  it('is the whole address of IPv4, mapped into IPv6 or not', () => {
    fc.assert(
      fc.property(octets, ([a = 0, b = 0, c = 0, d = 0]) => {
        const text = [a, b, c, d].join('.');
        expect(networkOf(text)).toBe(text);
        for (const mapped of writings([0, 0, 0, 0, 0, 0xffff, (a << 8) | b, (c << 8) | d])) {
          expect(networkOf(mapped), mapped).toBe(text);
        }
      }),
    );
  });

  it('reads as one expects', () => {
    expect(networkOf('2001:DB8:0:1:aaaa::7')).toBe('2001:db8:0:1::/64');
    expect(networkOf('::1')).toBe('0:0:0:0::/64');
    expect(networkOf('fe80::1%eth0')).toBe('fe80:0:0:0::/64');
  });

  it('leaves alone whatever is no address', () => {
    fc.assert(fc.property(fc.string(), (text) => isIPv6(text) || networkOf(text) === text));
    for (const text of ['', ':', ':::', '1:2:3', '::ffff:1.2.3', '1::2::3']) expect(networkOf(text)).toBe(text);
  });
});
