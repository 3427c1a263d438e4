/** Items in groups of one key each, in the order in which the keys appear. */
export function groupBy<I, K>(items: Iterable<I>, keyOf: (item: I) => K): Map<K, I[]> {
  const groups = new Map<K, I[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
