import {
  type Disk,
  type DiskFile,
  QuorateError,
  type SecretKey,
  type SignOutcome,
  type Statement,
  type StatementKind,
} from '@quorate/kernel';
import { sha256 } from '../hash.ts';
import type { GateOptions, SigningGate } from './gate.ts';
import { initialiseGate, openGate } from './open.ts';
import { gateFile } from './state.ts';

export type Fault = 'append' | 'half-append' | 'sync' | 'replace' | null;
/** What a power cut leaves of unsynced bytes: nothing, all, the first part, or some sectors and zeros. */
export type Tear = 'lose' | 'keep' | number | boolean[];

interface File {
  bytes: Uint8Array;
  synced: number;
}

/** A disk in memory that can fail once at a chosen operation and lose power. */
export class TestDisk implements Disk {
  readonly files = new Map<string, File>();
  fault: Fault = null;
  syncs = 0;
  appends = 0;

  #fail(at: Fault): void {
    if (this.fault !== at) return;
    this.fault = null;
    throw new QuorateError('disk/failed', `injected at ${at}`);
  }

  #file(name: string): File {
    let file = this.files.get(name);
    if (file === undefined) {
      file = { bytes: new Uint8Array(0), synced: 0 };
      this.files.set(name, file);
    }
    return file;
  }

  async openFile(name: string): Promise<DiskFile> {
    const file = this.#file(name);
    return {
      name,
      size: () => file.bytes.length,
      append: async (parts) => {
        this.#fail('append');
        this.appends++;
        const whole = Buffer.concat(parts);
        const half = this.fault === 'half-append';
        file.bytes = Uint8Array.from(Buffer.concat([file.bytes, half ? whole.subarray(0, whole.length >> 1) : whole]));
        this.#fail('half-append');
      },
      sync: async () => {
        this.#fail('sync');
        this.syncs++;
        file.synced = file.bytes.length;
      },
      read: async (offset, length) => file.bytes.slice(offset, offset + length),
      truncate: async (size) => {
        file.bytes = file.bytes.slice(0, size);
        file.synced = Math.min(file.synced, size);
      },
      close: async () => {},
    };
  }

  async listFiles(prefix: string): Promise<string[]> {
    return [...this.files.keys()].filter((name) => name.startsWith(prefix)).sort();
  }

  async removeFile(name: string): Promise<void> {
    this.files.delete(name);
  }

  async replaceFile(name: string, bytes: Uint8Array): Promise<void> {
    this.#fail('replace');
    this.files.set(name, { bytes: Uint8Array.from(bytes), synced: bytes.length });
  }

  async readFile(name: string): Promise<Uint8Array | null> {
    return this.files.get(name)?.bytes.slice() ?? null;
  }

  openStore(): never {
    throw new Error('the gate needs no store');
  }

  async usage(): Promise<{ used: number; free: number }> {
    return { used: 0, free: 1 };
  }

  cutPower(tear: Tear): void {
    this.fault = null;
    for (const file of this.files.values()) {
      const { bytes, synced } = file;
      if (tear === 'lose') file.bytes = bytes.slice(0, synced);
      else if (typeof tear === 'number')
        file.bytes = bytes.slice(0, synced + Math.floor(tear * (bytes.length - synced)));
      else if (tear !== 'keep') {
        for (let at = synced, i = 0; at < bytes.length; i++) {
          const end = Math.min(bytes.length, (Math.floor(at / 512) + 1) * 512);
          if (tear[i % tear.length]) bytes.fill(0, at, end);
          at = end;
        }
      }
      file.synced = file.bytes.length;
    }
  }
}

export const CHAIN = 'test-chain';
export const secret: SecretKey = {
  suite: 'simulated',
  publicKey: new Uint8Array(16).fill(5),
  sign: (message) => sha256(message),
  prove: () => new Uint8Array(0),
  export: () => new Uint8Array(32),
};
export const otherSecret: SecretKey = { ...secret, publicKey: new Uint8Array(16).fill(6) };
export const FILE = gateFile({ chainId: CHAIN, publicKey: secret.publicKey });

export const A = 'aa'.repeat(32);
export const B = 'bb'.repeat(32);

export function statement(kind: StatementKind, epoch: number, view: number, block = A): Statement {
  return kind === 'nullify' ? { kind, epoch, view } : { kind, epoch, view, block };
}

export async function freshDisk(): Promise<TestDisk> {
  const disk = new TestDisk();
  await initialiseGate({ chainId: CHAIN, secret }, { disk });
  return disk;
}

export const open = (disk: Disk, options: Partial<GateOptions> = {}): Promise<SigningGate> =>
  openGate({ chainId: CHAIN, secret, allowFresh: false, ...options }, { disk });

export const kinds = (outcomes: readonly SignOutcome[]): string[] => outcomes.map(({ kind }) => kind);

export async function signs(gate: SigningGate, ...statements: Statement[]): Promise<string[]> {
  return kinds(await gate.sign(statements));
}
