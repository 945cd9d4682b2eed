import { randomBytes } from 'node:crypto';
import { connect, type TLSSocket } from 'node:tls';
import { sha256 } from '@quorate/crypto';
import { encode, type Genesis, genesisDigest, type SecretKey, toHex } from '@quorate/kernel';
import { createCredentials } from '../../packages/node/src/transport/certificate.ts';
import { ALPN } from '../../packages/node/src/transport/dialer.ts';
import {
  controlFrame,
  FIRST,
  FRAME,
  FrameReader,
  MAX_PAYLOAD_BYTES,
} from '../../packages/node/src/transport/frames.ts';
import { type Hello, helloCodec, readRefusal, WIRE_PROTOCOL } from '../../packages/node/src/transport/hello.ts';

/** A frame that came. */
export interface Heard {
  readonly type: number;
  readonly flags: number;
  readonly payload: Uint8Array;
}

/** A peer that has a valid node key and keeps to no rule. */
export class HostilePeer {
  readonly #socket: TLSSocket;
  readonly #reader = new FrameReader();
  /** Called with every frame that comes. */
  onFrame: (frame: Heard) => void = () => {};
  /** Payloads of the frames that came, with their type and flags: something to play back. */
  readonly heard: Heard[] = [];
  /** Why the other end hung up, if it said so. */
  refusal: string | null = null;
  closed = false;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#reader.feed(chunk);
      for (let frame = this.#reader.next(); frame !== null; frame = this.#reader.next()) {
        const heard = { type: frame.type, flags: frame.flags, payload: new Uint8Array(frame.payload) };
        if (frame.type === FRAME.refuse) this.refusal = readRefusal(frame.payload);
        else if (this.heard.length < 10_000) this.heard.push(heard);
        this.onFrame(heard);
      }
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
    });
  }

  /** Connects with the key to a node's p2p address. */
  static async connect(address: string, key: SecretKey): Promise<HostilePeer> {
    const [host = '', port = ''] = address.split(':');
    const { key: secret, certificate } = createCredentials(key.export());
    const socket = connect({
      host,
      port: Number(port),
      key: secret,
      cert: certificate,
      minVersion: 'TLSv1.3',
      ALPNProtocols: [ALPN],
      rejectUnauthorized: false,
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('error', reject);
    });
    socket.setNoDelay(true);
    return new HostilePeer(socket);
  }

  /** Greets as a node of this chain would, but for `changes`. */
  greet(genesis: Genesis, changes: Partial<Hello> = {}): void {
    const hello: Hello = {
      protocol: WIRE_PROTOCOL,
      chainId: genesis.chainId,
      genesis: genesisDigest(sha256, genesis),
      minProtocol: 1,
      maxProtocol: 2,
      software: 'hostile',
      session: toHex(randomBytes(8)),
      ...changes,
    };
    this.raw(controlFrame(FRAME.hello, encode(helloCodec, hello)));
  }

  /** Bytes as they are. */
  raw(bytes: Uint8Array): void {
    if (!this.closed) this.#socket.write(bytes);
  }

  /** Bytes as they are, no faster than the other end takes them. `false` when it hung up. */
  async push(bytes: Uint8Array): Promise<boolean> {
    if (this.closed) return false;
    if (this.#socket.write(bytes)) return true;
    await new Promise<void>((resolve) => {
      const go = (): void => {
        this.#socket.off('drain', go);
        this.#socket.off('close', go);
        resolve();
      };
      this.#socket.on('drain', go);
      this.#socket.on('close', go);
    });
    return !this.closed;
  }

  end(): void {
    this.#socket.destroy();
  }
}

/** A message of one frame, in the class of traffic with this number. */
export function message(type: number, payload: Uint8Array): Uint8Array {
  const framed = new Uint8Array(4 + 4 + payload.length);
  if (4 + payload.length > MAX_PAYLOAD_BYTES) throw new RangeError('more than one frame');
  const view = new DataView(framed.buffer);
  framed[0] = type;
  framed[1] = FIRST;
  view.setUint16(2, 4 + payload.length, true);
  view.setUint32(4, payload.length, true);
  framed.set(payload, 8);
  return framed;
}

/** The message in a frame that holds a whole one, or null. */
export function wholeMessage({ flags, payload }: Heard): Uint8Array | null {
  if (flags !== FIRST || payload.length < 4) return null;
  const length = new DataView(payload.buffer, payload.byteOffset).getUint32(0, true);
  return payload.length === 4 + length ? payload.subarray(4) : null;
}
