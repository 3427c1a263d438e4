import { systemClock } from '../../lib/store/clock.js';
import type { RedisStore } from '../../lib/store/redis/redis-store.js';
import type { TransactionAddress } from '../../lib/store/transaction-address.js';
import type { CommitItem, HeldItem } from '../../lib/store/versioned-store.js';

const change = { kind: 'write', counters: '', payload: '{"id":"x"}', ttlMs: undefined } as const;
const TRANSACTIONS_AT_ONCE = 200;

export interface Abandoned {
  /** The item that lies with the record, and the one that is locked elsewhere. */
  readonly keys: readonly [string, string];
  readonly isCommitted: boolean;
}

/**
 * What a process leaves behind that dies at the worst moment: every transaction is noted and holds an
 * item, and every second one is decided besides.
 */
export async function abandonTransactions(
  store: RedisStore,
  instance: string,
  { count, deadlineIn }: { readonly count: number; readonly deadlineIn: number },
): Promise<readonly Abandoned[]> {
  const deadline = systemClock.now() + deadlineIn;
  const until = (): number => systemClock.now() + 10_000;
  const abandon = async (nth: number): Promise<Abandoned> => {
    const names = [`list:left-${nth}`, `list:right-${nth}`] as const;
    const home = store.homeOf(names);
    const isFirst = store.homeOf([names[0]]) === home;
    const keys = isFirst ? names : ([names[1], names[0]] as const);
    const deadlineAtMs = Math.ceil(store.toNodeTime(deadline, home));
    const address: TransactionAddress = { id: `abandoned${nth}`, home, deadlineAtMs };
    const [held] = await Promise.all([
      hold(store, address, keys[1]),
      store.journal.enter(instance, { address, keys: [keys[1]] }, until()),
    ]);
    const isCommitted = nth % 2 === 0;
    if (!isCommitted) return { keys, isCommitted };
    const items: CommitItem[] = [{ key: keys[0], expected: '0', change }];
    const commit = { address, items, record: '"call":"x"', redo: [held], sent: false };
    const { status } = await store.commitOnePhase(commit, until());
    if (status !== 'committed') throw new Error(`${address.id} is ${status}.`);
    return { keys, isCommitted };
  };
  const abandoned: Abandoned[] = [];
  while (abandoned.length < count) {
    const size = Math.min(TRANSACTIONS_AT_ONCE, count - abandoned.length);
    const next = Array.from({ length: size }, (_, nth) => abandon(abandoned.length + nth));
    abandoned.push(...(await Promise.all(next)));
  }
  return abandoned;
}

async function hold(store: RedisStore, address: TransactionAddress, key: string) {
  const items: CommitItem[] = [{ key, expected: '0', change }];
  const reply = await store.prepare({ address, marked: false, items }, systemClock.now() + 10_000);
  if (reply.status !== 'prepared') throw new Error(`${key} is ${reply.status}.`);
  return { key, held: reply.heads[0]!, change } satisfies HeldItem;
}
