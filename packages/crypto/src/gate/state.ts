import { type Epoch, equalBytes, QuorateError, type SecretKey, type SuiteName, toHex } from '@quorate/kernel';
import { HighWaterMarks } from './marks.ts';
import { frames, GATE_VERSION, type GateRecord } from './records.ts';

/** Whose marks these are. */
export interface GateOwner {
  readonly chainId: string;
  readonly suite: SuiteName;
  readonly publicKey: Uint8Array;
}

/** Nothing may be signed in epochs up to `through`; while `silent`, in none at all until an epoch boundary above it is seen. */
export interface Barrier {
  readonly silent: boolean;
  readonly through: Epoch | null;
}

/** Of a key whose record is complete. */
export const NOT_SILENT: Barrier = { silent: false, through: null };

/** The owner of the marks of a secret key on a chain. */
export function ownerOf(options: { readonly chainId: string; readonly secret: SecretKey }): GateOwner {
  const { chainId, secret } = options;
  return { chainId, suite: secret.suite, publicKey: secret.publicKey };
}

/** The file that holds a key's marks on one chain: keys that took turns in one home keep their own. */
export function gateFile(owner: Pick<GateOwner, 'chainId' | 'publicKey'>): string {
  return `gate/${owner.chainId}.${toHex(owner.publicKey.subarray(0, 16))}.log`;
}

/** The log that holds this state and nothing else. */
export function snapshot(owner: GateOwner, barrier: Barrier, marks: HighWaterMarks): Uint8Array {
  const records: GateRecord[] = [{ kind: 'opened', version: GATE_VERSION, ...owner }];
  if (barrier.silent || barrier.through !== null) records.push({ kind: 'silent', through: barrier.through });
  if (!barrier.silent && barrier.through !== null) records.push({ kind: 'active' });
  records.push(...marks.entries());
  return frames(records);
}

/** The better knowledge wins: a record on either side ends the other's silence. */
export function mergeBarriers(own: Barrier, other: Barrier): Barrier {
  if (own.silent !== other.silent) return own.silent ? other : own;
  const through = own.through === null ? other.through : Math.max(own.through, other.through ?? own.through);
  return own.silent && (own.through === null || other.through === null)
    ? { silent: true, through: null }
    : { silent: own.silent, through };
}

/** The state that a log's records tell. Throws `gate/corrupt` and `gate/foreign-key`. */
export function replay(
  owner: GateOwner,
  name: string,
  records: readonly GateRecord[],
): { readonly marks: HighWaterMarks; readonly barrier: Barrier } {
  const [opened, ...rest] = records;
  const corrupt = (what: string): never => {
    throw new QuorateError('gate/corrupt', `${name}: ${what}; restore it from an export or rejoin as an observer`);
  };
  if (opened?.kind !== 'opened') return corrupt('it does not begin with its owner');
  if (opened.version !== GATE_VERSION) return corrupt(`it has version ${opened.version}, not ${GATE_VERSION}`);
  const { chainId, suite, publicKey } = opened;
  if (chainId !== owner.chainId || suite !== owner.suite || !equalBytes(publicKey, owner.publicKey)) {
    throw new QuorateError('gate/foreign-key', `${name} belongs to another key or chain: put it back where it was`);
  }
  const marks = new HighWaterMarks();
  let barrier = NOT_SILENT;
  for (const record of rest) {
    switch (record.kind) {
      case 'opened':
        return corrupt('it names its owner twice');
      case 'signed':
        if (marks.judge(record.statement).kind !== 'new') return corrupt('it holds a signature that was never allowed');
        marks.record(record.statement, record.signature);
        break;
      case 'floor':
        marks.raise(record.epoch, record.view);
        break;
      case 'silent':
        barrier = { silent: true, through: record.through };
        break;
      case 'active':
        barrier = { silent: false, through: barrier.through };
        break;
    }
  }
  return { marks, barrier };
}
