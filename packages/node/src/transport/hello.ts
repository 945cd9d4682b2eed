import {
  type Codec,
  checked,
  type Digest,
  decode,
  digest,
  encode,
  hex,
  QuorateError,
  struct,
  text,
  u16,
} from '@quorate/kernel';

/** The first frame in either direction, before anything else is believed. */
export interface Hello {
  /** Names this protocol and its framing. */
  readonly protocol: string;
  readonly chainId: string;
  readonly genesis: Digest;
  /** Protocol versions that this node speaks, both included. */
  readonly minProtocol: number;
  readonly maxProtocol: number;
  /** Version of the software, for logs. */
  readonly software: string;
  /** Drawn anew when a process starts: tells a restarted peer from a second connection of the same one. */
  readonly session: string;
}

export const WIRE_PROTOCOL = 'quorate/mesh/1';
export const MAX_HELLO_BYTES = 1024;

export const helloCodec: Codec<Hello> = checked(
  struct<Hello>({
    protocol: text(32),
    chainId: text(64),
    genesis: digest,
    minProtocol: u16,
    maxProtocol: u16,
    software: text(64),
    session: hex(8),
  }),
  (hello) => {
    if (hello.minProtocol > hello.maxProtocol)
      throw new QuorateError('codec/invalid', 'empty range of protocol versions');
  },
  (next) => ({
    protocol: WIRE_PROTOCOL,
    chainId: text(64).sample(next),
    genesis: digest.sample(next),
    minProtocol: 1,
    maxProtocol: 1 + (next() % 9),
    software: text(64).sample(next),
    session: hex(8).sample(next),
  }),
);

const refusalCodec: Codec<string> = text(256);

/** A reason that a peer gave, safe to log. */
export function readRefusal(payload: Uint8Array): string {
  try {
    return decode(refusalCodec, payload).replace(/[^\x20-\x7e]/g, '?');
  } catch {
    return 'no readable reason';
  }
}

export function writeRefusal(reason: string): Uint8Array {
  return encode(refusalCodec, reason.replace(/[^\x20-\x7e]/g, '?').slice(0, 256));
}

/** Why two nodes cannot talk, as a sentence for both of them, or `null`. */
export function mismatch(own: Hello, other: Hello): string | null {
  if (other.protocol !== own.protocol) return `wire protocol ${other.protocol} is not ${own.protocol}`;
  if (other.chainId !== own.chainId) return `chain ${other.chainId} is not ${own.chainId}`;
  if (other.genesis !== own.genesis) return `genesis ${other.genesis} of chain ${own.chainId} is not ${own.genesis}`;
  if (other.minProtocol > own.maxProtocol || other.maxProtocol < own.minProtocol) {
    return `protocol versions ${other.minProtocol} to ${other.maxProtocol} and ${own.minProtocol} to ${own.maxProtocol} do not meet`;
  }
  return null;
}
