import { nextVersion } from './node.js';
import type { Model, Transaction } from './program.js';
import { ABSENT, isAbsent, type State } from './state.js';

/**
 * What is wrong with a history in which nothing is under way any more; undefined where it is as if the
 * committed transactions had happened one after the other, each in a moment of its life.
 */
export function wrongWith(model: Model, state: State): string | undefined {
  const { runs, records } = state;
  const committed: Transaction[] = [];
  for (const [transaction, { told }] of runs.entries()) {
    const readsOnly = model.plans[transaction]!.kind === 'read-only';
    const isCommitted = readsOnly
      ? told === 'committed'
      : records[transaction]!.status === 'committed';
    if (isCommitted && told === 'refused') return `T${transaction} is committed, but told refused`;
    if (!isCommitted && told === 'committed') {
      return `T${transaction} is told committed, but nothing is decided`;
    }
    if (isCommitted) committed.push(transaction);
  }
  const orders = ordersOf(committed);
  const results = orders.map((order) => happenInTurn(model, state, order));
  if (!results.some(({ leaves }) => leaves))
    return 'no order leaves what stands: torn, lost, or doubly applied';
  const serial = orders.filter((_, nth) => results[nth]!.leaves && results[nth]!.shows);
  if (serial.length === 0) return 'no order shows what was read: not serializable';
  if (!serial.some((order) => keepsTime(state, order))) {
    return 'every order breaks the order of time: serializable, but not strictly';
  }
  return undefined;
}

function ordersOf(transactions: readonly Transaction[]): readonly (readonly Transaction[])[] {
  if (transactions.length === 0) return [[]];
  return transactions.flatMap((first) =>
    ordersOf(transactions.filter((other) => other !== first)).map((rest) => [first, ...rest]),
  );
}

/** Whether transactions in this order read what they read, and leave what stands in the end. */
function happenInTurn(
  { keys, plans, program }: Model,
  { items, runs }: State,
  order: readonly Transaction[],
): { readonly shows: boolean; readonly leaves: boolean } {
  const versions: string[] = keys.map((name) => (program.absent?.includes(name) ? ABSENT : '1.i'));
  let shows = true;
  for (const transaction of order) {
    const { reads, written, deleted } = plans[transaction]!;
    const { seen } = runs[transaction]!;
    shows &&= reads.flat().every((key) => isSame(seen[key]!, versions[key]!));
    for (const key of written) {
      versions[key] = deleted.includes(key) ? ABSENT : nextVersion(versions[key]!, transaction);
    }
  }
  return { shows, leaves: versions.every((version, key) => isSame(items[key]!.version, version)) };
}

/** One absence is like any other, for whoever looks at the value. */
function isSame(one: string, other: string): boolean {
  return one === other || (isAbsent(one) && isAbsent(other));
}

/** Nobody comes before one who had his answer when it began. */
function keepsTime({ runs }: State, order: readonly Transaction[]): boolean {
  return order.every((transaction, place) =>
    order.slice(place + 1).every((later) => (runs[transaction]!.after & (1 << later)) === 0),
  );
}
