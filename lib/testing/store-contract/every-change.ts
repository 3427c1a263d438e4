import assert from 'node:assert/strict';
import type { TransactionAddress } from '../../store/transaction-address.js';
import type { HeldItem } from '../../store/versioned-store.js';
import {
  blind,
  counted,
  increment,
  insert,
  remove,
  replace,
  step,
  write,
  type ContractSession,
} from './contract-session.js';

const NAMES = ['replaced', 'blind', 'deleted', 'counted'] as const;
const CHANGED = write('new', { counters: '7' });

function keysOf(session: ContractSession) {
  const [replaced, overwritten, deleted, incremented] = NAMES.map((name) => session.key(name));
  return { replaced, overwritten, deleted, incremented } as Readonly<
    Record<'replaced' | 'overwritten' | 'deleted' | 'incremented', string>
  >;
}

/** Holds one item for every kind of change, and one that is not there yet. */
export async function holdEveryChange(
  session: ContractSession,
): Promise<{ readonly address: TransactionAddress; readonly held: readonly HeldItem[] }> {
  const { replaced, overwritten, deleted, incremented } = keysOf(session);
  const items = NAMES.map((name) => insert(session.key(name), counted('5')));
  const version = `1.${await session.commits(...items)}`;
  const address = session.address();
  const held = await session.holds(
    address,
    replace(replaced, version, CHANGED),
    blind(overwritten, CHANGED),
    remove(deleted, version),
    increment(incremented, [step(2), step(-3)]),
    insert(session.key('inserted'), CHANGED),
  );
  return { address, held };
}

/** All of these changes stand, written by this transaction, and nothing is locked. */
export async function assertEveryChange(
  session: ContractSession,
  { id }: TransactionAddress,
): Promise<void> {
  const { replaced, overwritten, deleted, incremented } = keysOf(session);
  const item = { kind: 'item', version: `2.${id}`, lock: undefined };
  assert.deepEqual(await session.read(replaced), { ...item, counters: '7', payload: 'new' });
  assert.deepEqual(await session.read(overwritten), { ...item, counters: '7', payload: 'new' });
  await session.assertAbsent(deleted);
  assert.deepEqual(await session.read(incremented), { ...item, counters: '4', payload: '{}' });
  const inserted = await session.read(session.key('inserted'));
  const first = { ...item, version: `1.${id}` };
  assert.deepEqual(inserted, { ...first, counters: '7', payload: 'new' });
}
