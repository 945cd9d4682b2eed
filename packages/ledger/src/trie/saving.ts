import type { Height, StoreWrite } from '@quorate/kernel';
import { pageKey } from '../store-keys.ts';
import { BRANCH_BITS, Branch, encodePage, type Ref } from './pages.ts';
import { type PageSource, setNibble } from './trie.ts';

/** Pages on their way to the store. */
export interface Saving {
  readonly writes: StoreWrite[];
  readonly saved: Ref[];
}

/**
 * Every page under `ref` that no store has, as writes at `height`. Their references bear that version at once, so the writes
 * have to be made: children come first, because an encoded branch names the versions of the pages below it.
 */
export function saveNewPages(ref: Ref | null, height: Height): Saving {
  const saving: Saving = { writes: [], saved: [] };
  save(ref, 0, new Uint8Array(32), height, saving);
  return saving;
}

function save(ref: Ref | null, depth: number, path: Uint8Array, height: Height, saving: Saving): void {
  if (ref === null || ref.version >= 0 || ref.page === null) return;
  const { page } = ref;
  if (page instanceof Branch) {
    for (let slot = 0; slot < 16; slot++) {
      setNibble(path, depth, slot);
      save(page.refs[slot] ?? null, depth + BRANCH_BITS, path, height, saving);
    }
    setNibble(path, depth, 0);
  }
  ref.version = height;
  saving.saved.push(ref);
  saving.writes.push({ key: pageKey(path, depth, height), value: encodePage(page) });
}

/** Store keys of the pages under `before` that are not pages under `after`; both are saved. Costs what differs between them. */
export function replacedPages(before: Ref | null, after: Ref | null, source: PageSource): Uint8Array[] {
  const replaced: Uint8Array[] = [];
  compare(before, after, 0, new Uint8Array(32), source, replaced);
  return replaced;
}

function compare(
  before: Ref | null,
  after: Ref | null,
  depth: number,
  path: Uint8Array,
  source: PageSource,
  replaced: Uint8Array[],
): void {
  if (before === null || before === after || (after !== null && before.version === after.version)) return;
  replaced.push(pageKey(path, depth, before.version));
  const [old, now] = [before.page ?? source.load(before, path, depth), after?.page ?? null];
  if (!(old instanceof Branch)) return;
  for (let slot = 0; slot < 16; slot++) {
    setNibble(path, depth, slot);
    const next = now instanceof Branch ? (now.refs[slot] ?? null) : null;
    compare(old.refs[slot] ?? null, next, depth + BRANCH_BITS, path, source, replaced);
  }
  setNibble(path, depth, 0);
}
