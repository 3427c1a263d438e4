import { NodeGroup, type GroupMember } from './node-group.js';
import { Purse } from './spread-entities.js';

/** The states that exist of the purses a1 and b1, in their order; each is made by one transaction. */
export const ABSENCE_STATES: readonly (readonly [number | null, number])[] = [
  [null, 1],
  [7, 2],
  [null, 3],
];

export interface AbsenceReport {
  readonly attempts: number;
  /** What the reader committed having seen. */
  readonly seen: readonly [number | null, number | null];
}

/**
 * A transaction over several nodes sees a1 absent. Before it reads b1, a1 is inserted and b1 changed;
 * while it validates, a1 is deleted and b1 changed again, before the look at a1 and after that at b1.
 */
export async function runAbsenceScenario(writes: boolean): Promise<AbsenceReport> {
  const group = new NodeGroup();
  const reader = await group.join();
  const writer = await group.join();
  const [seenBy, setBy] = [reader.runtime.repository(Purse), writer.runtime.repository(Purse)];
  const change = async (first: () => Promise<unknown>, second: number): Promise<void> => {
    await writer.runtime.manager.run(async () => {
      await first();
      await setBy.save(purse('b1', second));
    });
    await group.clock.advance(50);
  };
  await setBy.save(purse('b1', 1));

  let attempts = 0;
  const seen = await group.drive(
    reader.runtime.manager.run(async (): Promise<AbsenceReport['seen']> => {
      const first = await seenBy.findOne('a1');
      if (++attempts === 1) await change(() => setBy.insert(purse('a1', 7)), 2);
      const second = await seenBy.findOne('b1');
      if (attempts === 1) delayFirstKey(reader, () => change(() => setBy.delete('a1'), 3));
      if (writes) await seenBy.save(purse('c1', 0));
      return [first?.balance ?? null, second?.balance ?? null];
    }),
  );
  await group.close();
  return { attempts, seen };
}

/** The next read of several nodes reaches that of a1 last, after something else has happened. */
function delayFirstKey({ store }: GroupMember, meanwhile: () => Promise<void>): void {
  const read = store.read.bind(store);
  store.read = async (keys, until) => {
    const first = keys.findIndex((key) => key.includes('a1'));
    if (keys.length < 2 || first < 0) return read(keys, until);
    store.read = read;
    const early = await read(
      keys.filter((_, index) => index !== first),
      until,
    );
    await meanwhile();
    const late = await read([keys[first]!], until);
    const items = [...early.items];
    items.splice(first, 0, late.items[0]);
    return { items, moment: undefined, locked: early.locked || late.locked };
  };
}

function purse(id: string, balance: number): Purse {
  return Object.assign(new Purse(), { id, balance, points: 0 });
}
