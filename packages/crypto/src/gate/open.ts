import { QuorateError } from '@quorate/kernel';
import { type GateOptions, type GateParts, SigningGate } from './gate.ts';
import { HighWaterMarks } from './marks.ts';
import { readRecords } from './records.ts';
import { type Barrier, gateFile, NOT_SILENT, ownerOf, replay, snapshot } from './state.ts';
import { encodeExport } from './transfer.ts';

const MAX_LOG_BYTES = 256 << 20;

/**
 * Creates the empty record of a key that was made a moment ago for this chain, so that its validator may vote from its
 * first start on. Throws `gate/conflict` when a record exists.
 */
export async function initialiseGate(
  options: Pick<GateOptions, 'chainId' | 'secret'>,
  parts: GateParts,
): Promise<void> {
  const owner = ownerOf(options);
  const name = gateFile(owner);
  if ((await parts.disk.listFiles(name)).includes(name)) {
    throw new QuorateError('gate/conflict', `${name} exists: this key may have signed already`);
  }
  await parts.disk.replaceFile(name, snapshot(owner, NOT_SILENT, new HighWaterMarks()));
}

/**
 * Opens a key's gate. Without a record of this key it depends on `allowFresh`; by default the gate observes: see
 * {@link SigningGate.status} and {@link SigningGate.enterEpoch}. Throws `gate/corrupt` for a damaged record, `gate/foreign-key` for
 * a record under this key's name that belongs to another key or chain, and `disk/*`.
 */
export async function openGate(options: GateOptions, parts: GateParts): Promise<SigningGate> {
  const { disk } = parts;
  const log = parts.log ?? (() => {});
  const owner = ownerOf(options);
  const name = gateFile(owner);
  const files = await disk.listFiles('gate/');
  if (!files.includes(name)) {
    const barrier: Barrier = options.allowFresh === false ? { silent: true, through: null } : NOT_SILENT;
    await disk.replaceFile(name, snapshot(owner, barrier, new HighWaterMarks()));
    const others = files.length > 0 ? 'only records of other keys are here' : 'no record is here';
    if (options.allowFresh === 'operator') {
      log('warn', `${others}: an operator vouches that this key never signed`, { file: name });
    } else if (options.allowFresh === 'genesis') {
      log('info', 'signing gate created for a new key', { file: name });
    } else {
      log('warn', `${others} of what this key signed: observing until the next epoch boundary`, { file: name });
    }
  }
  const found = await disk.openFile(name);
  if (found.size() > MAX_LOG_BYTES) throw new QuorateError('gate/corrupt', `${name} has ${found.size()} bytes`);
  const { records, length } = readRecords(name, await found.read(0, found.size()));
  const { marks, barrier } = replay(owner, name, records);
  if (length < found.size()) {
    log('warn', 'signing gate: cut an incomplete last record, which nobody was answered', { file: name, length });
  }
  await found.close();
  // What a killed process left in the system's cache was read like the rest: it must be durable before it is relied on. Another
  // sync does not make it so where an earlier one failed, for the system then takes those pages for written. A new file does.
  await disk.replaceFile(name, snapshot(owner, barrier, marks));
  const file = await disk.openFile(name);
  const gate = new SigningGate(options, { ...parts, file, marks, barrier });
  if (options.allowFresh !== 'operator' || !barrier.silent) return gate;
  log('warn', 'an operator vouches that this key never signed: its silence ends', { file: name });
  await gate.import(encodeExport(owner, null, new HighWaterMarks()));
  return gate;
}
