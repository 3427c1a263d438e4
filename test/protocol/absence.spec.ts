import { NodeGroup, type GroupMember } from '../support/node-group.js';
import { Purse } from '../support/spread-entities.js';

function purse(id: string, balance: number): Purse {
  return Object.assign(new Purse(), { id, balance, points: 0 });
}

/** The next read of several nodes reaches that of the first key last, after something else has happened. */
function delayFirstKey({ store }: GroupMember, meanwhile: () => Promise<void>): void {
  const read = store.read.bind(store);
  store.read = async (keys, until) => {
    const first = keys.findIndex((key) => key.includes('a1'));
    if (keys.length < 2 || first < 0) return read(keys, until);
    store.read = read;
    const others = keys.filter((_, index) => index !== first);
    const early = await read(others, until);
    await meanwhile();
    const late = await read([keys[first]!], until);
    const items = [...early.items];
    items.splice(first, 0, late.items[0]);
    return { items, moment: undefined, locked: early.locked || late.locked };
  };
}

describe('an item that is absent, is there, and is absent again', () => {
  it.each(['reads only', 'writes too'])(
    'is no absence that stayed, to a transaction over several nodes that %s',
    async (kind) => {
      const group = new NodeGroup();
      const reader = await group.join();
      const writer = await group.join();
      const [seenBy, setBy] = [reader.runtime.repository(Purse), writer.runtime.repository(Purse)];
      // The states that exist of (a1, b1): (null, 1), (7, 2), (null, 3).
      await setBy.save(purse('b1', 1));
      const put = () =>
        writer.runtime.manager.run(async () => {
          await setBy.insert(purse('a1', 7));
          await setBy.save(purse('b1', 2));
        });
      const take = () =>
        writer.runtime.manager.run(async () => {
          await setBy.delete('a1');
          await setBy.save(purse('b1', 3));
        });

      let attempts = 0;
      const seen = await group.drive(
        reader.runtime.manager.run(async () => {
          const first = await seenBy.findOne('a1');
          if (++attempts === 1) {
            await put();
            await group.clock.advance(50);
          }
          const second = await seenBy.findOne('b1');
          if (attempts === 1) {
            delayFirstKey(reader, async () => {
              await take();
              await group.clock.advance(50);
            });
          }
          if (kind === 'writes too') await seenBy.save(purse('c1', 0));
          return [first?.balance ?? null, second?.balance ?? null];
        }),
      );

      expect({ attempts, seen }).toEqual({ attempts: 2, seen: [null, 3] });
      await group.close();
    },
  );
});
