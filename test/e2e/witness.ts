import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { blockOf, type Genesis, type Statement } from '@quorate/kernel';
import { readRecords } from '../../packages/crypto/src/gate/records.ts';

/**
 * Remembers every statement that any home's gate was seen to have signed, also what the gate itself forgets later. Two homes
 * with one key are one signer.
 */
export class Witness {
  /** By key, epoch, view and kind: the block, or an empty text for a nullification. */
  readonly #signed = new Map<string, string>();
  readonly conflicts: string[] = [];

  get signatures(): number {
    return this.#signed.size;
  }

  /** Reads the gate logs of a home, whether its node runs or not. */
  async look(home: string, genesis: Genesis): Promise<void> {
    const folder = join(home, 'gate');
    for (const name of await readdir(folder).catch(() => [])) {
      if (!name.startsWith(`${genesis.chainId}.`) || !name.endsWith('.log')) continue;
      const bytes = await readFile(join(folder, name)).catch(() => null);
      if (bytes === null) continue; // replaced at this moment
      for (const record of readRecords(name, bytes).records) {
        if (record.kind === 'signed') this.#add(name, record.statement);
      }
    }
  }

  #add(key: string, statement: Statement): void {
    const { kind, epoch, view } = statement;
    const place = `${key} epoch ${epoch} view ${view}`;
    const block = blockOf(statement) ?? '';
    const before = this.#signed.get(`${place} ${kind}`);
    if (before !== undefined && before !== block)
      this.conflicts.push(`${place}: two ${kind} of ${before} and ${block}`);
    this.#signed.set(`${place} ${kind}`, block);
    const rival = kind === 'nullify' ? 'finalize' : kind === 'finalize' ? 'nullify' : null;
    if (rival !== null && this.#signed.has(`${place} ${rival}`)) this.conflicts.push(`${place}: ${kind} and ${rival}`);
  }
}
