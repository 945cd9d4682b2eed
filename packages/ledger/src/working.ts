import { compareBytes, type Hash, toHex, Writer } from '@quorate/kernel';
import { accountKey, decodeAccount } from './state.ts';
import type { Changes } from './trie/pages.ts';
import type { Root, Trie } from './trie/trie.ts';

/** An account while a block is executed. */
export interface AccountCell {
  readonly address: Uint8Array;
  /** Digest of its state key. */
  readonly key: Uint8Array;
  balance: bigint;
  nonce: number;
  changed: boolean;
  /** The address as text for events, made when first asked for. */
  hex: string | null;
}

interface Entry {
  readonly key: Uint8Array;
  value: Uint8Array | null;
  changed: boolean;
}

/** 32 bytes as a key of a map: sixteen code units, several times cheaper than hexadecimal text. */
export function mapKey(b: Uint8Array): string {
  const unit = (i: number): number => (b[i] as number) | ((b[i + 1] as number) << 8);
  return String.fromCharCode(
    unit(0),
    unit(2),
    unit(4),
    unit(6),
    unit(8),
    unit(10),
    unit(12),
    unit(14),
    unit(16),
    unit(18),
    unit(20),
    unit(22),
    unit(24),
    unit(26),
    unit(28),
    unit(30),
  );
}

/** The address of a cell in hexadecimal. */
export function hexOf(cell: AccountCell): string {
  cell.hex ??= toHex(cell.address);
  return cell.hex;
}

/** The state that a block is changing, above one version. */
export class Working {
  readonly #trie: Trie;
  readonly #hash: Hash;
  readonly #root: Root;
  readonly #accounts = new Map<string, AccountCell>();
  readonly #entries = new Map<string, Entry>();

  constructor(trie: Trie, hash: Hash, root: Root) {
    this.#trie = trie;
    this.#hash = hash;
    this.#root = root;
  }

  /** The cell of an account, the same one at each call: whoever changes it sets `changed`. */
  account(address: Uint8Array): AccountCell {
    const name = mapKey(address);
    const known = this.#accounts.get(name);
    if (known !== undefined) return known;
    const key = this.#hash(accountKey(address));
    const stored = this.#trie.get(this.#root, key);
    const { balance, nonce } = stored === null ? { balance: 0n, nonce: 0 } : decodeAccount(stored);
    const cell: AccountCell = { address, key, balance, nonce, changed: false, hex: null };
    this.#accounts.set(name, cell);
    return cell;
  }

  /** The value under a state key other than an account's, or `null`. A view: copy it to keep it. */
  get(key: Uint8Array): Uint8Array | null {
    return this.#entry(key).value;
  }

  /** Sets or, with null, removes an entry. */
  put(key: Uint8Array, value: Uint8Array | null): void {
    const entry = this.#entry(key);
    entry.value = value;
    entry.changed = true;
  }

  #entry(key: Uint8Array): Entry {
    const name = toHex(key);
    const known = this.#entries.get(name);
    if (known !== undefined) return known;
    const digest = this.#hash(key);
    const entry: Entry = { key: digest, value: this.#trie.get(this.#root, digest), changed: false };
    this.#entries.set(name, entry);
    return entry;
  }

  /** The version that results, and what differs from the one before. */
  finish(): { readonly root: Root; readonly changes: Changes } {
    const changed: Entry[] = [];
    for (const entry of this.#entries.values()) if (entry.changed) changed.push(entry);
    for (const cell of this.#accounts.values()) {
      if (!cell.changed) continue;
      const value = new Writer(16);
      value.u64(cell.balance);
      value.u53(cell.nonce);
      changed.push({ key: cell.key, value: value.finish(), changed: true });
    }
    changed.sort((a, b) => compareBytes(a.key, b.key));
    const changes: Changes = { keys: changed.map(({ key }) => key), values: changed.map(({ value }) => value) };
    return { root: this.#trie.update(this.#root, changes), changes };
  }
}
