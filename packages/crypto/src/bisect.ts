/**
 * The members of `items` that make `holds` fail, in their given order. `holds` must be true of a list exactly when it is
 * true of every member alone. k culprits among n items cost about 2k·log2(n) calls; none cost one call.
 */
export function bisect<T>(items: readonly T[], holds: (items: readonly T[]) => boolean): T[] {
  if (items.length === 0 || holds(items)) return [];
  return culprits(items, holds);
}

/** `items` is known to contain a culprit. */
function culprits<T>(items: readonly T[], holds: (items: readonly T[]) => boolean): T[] {
  if (items.length === 1) return [...items];
  const middle = items.length >> 1;
  const left = items.slice(0, middle);
  const right = items.slice(middle);
  // A sound left half proves that the culprit is in the right one: no need to ask again.
  if (holds(left)) return culprits(right, holds);
  return [...culprits(left, holds), ...bisect(right, holds)];
}
