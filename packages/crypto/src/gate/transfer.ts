import {
  bytes,
  type Codec,
  concatBytes,
  decode,
  type Epoch,
  encode,
  equalBytes,
  isQuorateError,
  list,
  nullable,
  QuorateError,
  type Statement,
  statementCodec,
  struct,
  text,
  u16,
  u53,
  union,
  type View,
  word,
} from '@quorate/kernel';
import { sha256 } from '../hash.ts';
import { HighWaterMarks } from './marks.ts';
import { SUITES } from './records.ts';
import type { Barrier, GateOwner } from './state.ts';

type Mark =
  | { readonly kind: 'floor'; readonly epoch: Epoch; readonly view: View }
  | { readonly kind: 'signed'; readonly statement: Statement };

/** A gate's state on its way to another home. Signatures stay behind: whoever holds the key makes them again. */
interface GateExport extends GateOwner {
  readonly format: string;
  readonly version: number;
  readonly barrier: Barrier | null;
  readonly marks: readonly Mark[];
}

const FORMAT = 'quorate/gate-export';
const VERSION = 1;
const CHECKSUM_BYTES = 32;
const MAX_MARKS = 1 << 19;
const MAX_EXPORT_BYTES = 64 << 20;
const NO_SIGNATURE = new Uint8Array(0);

const markCodec: Codec<Mark> = union<Mark>({
  floor: [1, struct({ epoch: u53, view: u53 })],
  signed: [2, struct({ statement: statementCodec })],
});

const barrierCodec: Codec<Barrier> = {
  write: (to, barrier) => {
    to.u8(barrier.silent ? 1 : 0);
    nullable(u53).write(to, barrier.through);
  },
  read: (from) => {
    const silent = from.u8();
    if (silent > 1) throw new QuorateError('codec/invalid', `a boolean is 0 or 1, not ${silent}`);
    return { silent: silent === 1, through: nullable(u53).read(from) };
  },
  sample: (next) => ({ silent: (next() & 1) === 1, through: nullable(u53).sample(next) }),
};

export const gateExportCodec: Codec<GateExport> = struct<GateExport & { marks: Mark[] }>({
  format: text(32),
  version: u16,
  chainId: text(64),
  suite: word(SUITES),
  publicKey: bytes(2048),
  barrier: nullable(barrierCodec),
  marks: list(markCodec, MAX_MARKS),
});

function marksOf(marks: HighWaterMarks): Mark[] {
  return [...marks.entries()].map((entry) =>
    entry.kind === 'floor' ? entry : { kind: 'signed', statement: entry.statement },
  );
}

/** The canonical, versioned, checksummed form of a gate's state. */
export function encodeExport(owner: GateOwner, barrier: Barrier | null, marks: HighWaterMarks): Uint8Array {
  const { chainId, suite, publicKey } = owner;
  const body = encode(gateExportCodec, {
    format: FORMAT,
    version: VERSION,
    chainId,
    suite,
    publicKey,
    barrier,
    marks: marksOf(marks),
  });
  return concatBytes(body, sha256(body));
}

/** What an export holds, for this owner. Throws `gate/corrupt` for damage, `gate/foreign-key` for another chain or key. */
export function decodeExport(
  owner: GateOwner,
  exported: Uint8Array,
): { readonly barrier: Barrier | null; readonly marks: HighWaterMarks } {
  const corrupt = (what: string, cause?: unknown): never => {
    throw new QuorateError('gate/corrupt', `the gate export ${what}; export it again`, { cause });
  };
  if (exported.length > MAX_EXPORT_BYTES) corrupt(`has ${exported.length} bytes`);
  if (exported.length < CHECKSUM_BYTES) corrupt('is cut short');
  const body = exported.subarray(0, exported.length - CHECKSUM_BYTES);
  if (!equalBytes(sha256(body), exported.subarray(body.length))) corrupt('does not match its checksum');
  const found = decodeBody(body, corrupt);
  if (found.format !== FORMAT) corrupt('is not a gate export');
  if (found.version !== VERSION) corrupt(`has version ${found.version}, this program reads version ${VERSION}`);
  if (found.chainId !== owner.chainId || found.suite !== owner.suite || !equalBytes(found.publicKey, owner.publicKey)) {
    throw new QuorateError('gate/foreign-key', 'the gate export belongs to another key or another chain');
  }
  const marks = new HighWaterMarks();
  for (const mark of found.marks) {
    if (mark.kind === 'floor') marks.raise(mark.epoch, mark.view);
    else if (marks.judge(mark.statement).kind === 'new') marks.record(mark.statement, NO_SIGNATURE);
  }
  if (!equalBytes(encodeExport(owner, found.barrier, marks), exported)) corrupt('is not in canonical form');
  return { barrier: found.barrier, marks };
}

function decodeBody(body: Uint8Array, corrupt: (what: string, cause?: unknown) => never): GateExport {
  try {
    return decode(gateExportCodec, body);
  } catch (error) {
    if (!isQuorateError(error)) throw error;
    return corrupt('does not decode', error);
  }
}

/**
 * The union of two states: higher floors win, statements of both are kept, `sign` makes the signatures that an export
 * leaves behind. Throws `gate/conflict` when the two together convict the key.
 */
export function mergeMarks(
  own: HighWaterMarks,
  other: HighWaterMarks,
  sign: (statement: Statement) => Uint8Array,
): HighWaterMarks {
  const merged = new HighWaterMarks();
  const entries = [...own.entries(), ...other.entries()];
  for (const entry of entries) if (entry.kind === 'floor') merged.raise(entry.epoch, entry.view);
  for (const entry of entries) {
    if (entry.kind === 'floor') continue;
    const judgement = merged.judge(entry.statement);
    if (judgement.kind === 'new') {
      merged.record(entry.statement, entry.signature.length > 0 ? entry.signature : sign(entry.statement));
    } else if (judgement.kind === 'refused' && judgement.why !== 'below') {
      throw new QuorateError('gate/conflict', `the two states do not fit together: ${judgement.reason}`);
    }
  }
  return merged;
}
