import { describe, expect, test } from 'vitest';
import { countFrom, remoteOf } from './listener.ts';

describe('the far ends that limits count together', () => {
  const from = (remoteAddress: string | undefined, remotePort = 1) => remoteOf({ remoteAddress, remotePort });

  test('are those of one IPv4 address or one IPv6 /64', () => {
    const others = ['10.0.0.1', '::ffff:10.0.0.1', '10.0.0.2', '2001:db8::1', '2001:db8::2', '2001:db8:0:1::1'].map(
      (address, index) => from(address, index),
    );
    expect(['10.0.0.1', '::ffff:10.0.0.2', '2001:db8::9', 'fd00::1'].map((ip) => countFrom(from(ip), others))).toEqual([
      2, 1, 2, 0,
    ]);
  });

  test('keep their own names', () => {
    expect(from('2001:db8::1', 7)).toEqual({ ip: '2001:db8::1', port: 7, network: '2001:db8:0:0::/64' });
    expect(from(undefined, 7)).toEqual({ ip: '', port: 7, network: '' });
  });
});
