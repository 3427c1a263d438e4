import { systemClock } from '../../lib/store/clock.js';
import { EmbeddedStore } from '../../lib/store/embedded/embedded-store.js';
import { slotOf, tagOfSlot } from '../../lib/store/hash-slot.js';
import type { Holdings, Journal } from '../../lib/store/journal.js';
import { openRedisClient } from '../../lib/store/redis/redis-client.js';
import { RedisConnection } from '../../lib/store/redis/redis-connection.js';
import { RedisJournal } from '../../lib/store/redis/redis-journal.js';
import { SingleKeyStore } from '../../lib/store/single-key/single-key-store.js';
import { MemoryCache } from '../support/memory-cache.js';
import { poll } from '../support/poll.js';
import { describeRedis, RedisServer } from '../support/redis-server.js';
import { openRedisStore } from '../support/redis-store.js';

const lifetime = { longestTimeoutMs: 1000, marginMs: 100, retentionMs: 1000 };
const until = (): number => systemClock.now() + 5000;
/** Long over, and not for a long time. */
const [DEAD, ALIVE] = [-1000, 60_000];

let drawn = 0;

function note(nth = 0): Holdings {
  return { address: { id: `tx${nth}`, home: '0', deadlineAtMs: 1 + nth }, keys: [`k${nth}`, '|@'] };
}

function describeJournal(kind: string, journal: () => Journal): void {
  describe(`the journal of ${kind}`, () => {
    let instance = '';

    beforeEach(() => {
      instance = `instance${++drawn}`;
    });

    async function all(most: number): Promise<string[]> {
      const ids: string[] = [];
      let from: string | undefined;
      do {
        const page = await journal().entries(instance, { most, from }, until());
        ids.push(...page.entries.map(({ address }) => address.id));
        from = page.next;
      } while (from !== undefined);
      return ids;
    }

    it('gives back what was noted, until it is struck out', async () => {
      await journal().enter(instance, note(), until());
      const page = await journal().entries(instance, { most: 10 }, until());
      expect(page).toEqual({ entries: [note()], unreadable: 0, next: undefined });

      await journal().leave(instance, [note().address], until());
      expect(await all(10)).toEqual([]);
    });

    it('gives back everything page by page, though what was seen goes meanwhile', async () => {
      const notes = Array.from({ length: 2000 }, (_, nth) => note(nth));
      await Promise.all(notes.map((holdings) => journal().enter(instance, holdings, until())));
      expect(new Set(await all(100)).size).toBe(2000);

      const seen = new Set<string>();
      let from: string | undefined;
      do {
        const page = await journal().entries(instance, { most: 100, from }, until());
        const addresses = page.entries.map(({ address }) => address);
        for (const { id } of addresses) seen.add(id);
        await journal().leave(instance, addresses, until());
        from = page.next;
      } while (from !== undefined);

      expect(seen.size).toBe(2000);
      expect(await all(100)).toEqual([]);
    });

    it('tells which instances have fallen silent', async () => {
      await journal().beat(instance, DEAD, until());
      expect(await journal().lapsed(until())).toContain(instance);

      await journal().beat(instance, ALIVE, until());
      expect(await journal().lapsed(until())).not.toContain(instance);
    });

    it('gives a dead instance to one at a time, for a while', async () => {
      const claim = (by: string, leaseMs: number): Promise<boolean> =>
        journal().claim(instance, { by, leaseMs }, until());
      expect(await claim('one', 60_000)).toBe(true);
      expect(await claim('other', 60_000)).toBe(false);
      expect(await claim('one', 1)).toBe(true);
      await poll(async () => ((await claim('other', 60_000)) ? true : undefined), {
        deadlineMs: 5000,
        intervalMs: 5,
        until: 'the claim is over',
      });
      expect(await claim('one', 60_000)).toBe(false);
    });

    it('forgets an instance that is dead and has left nothing', async () => {
      await journal().beat(instance, DEAD, until());
      await journal().forget(instance, until());
      expect(await journal().lapsed(until())).not.toContain(instance);
    });

    it('does not forget an instance that has left something', async () => {
      await journal().beat(instance, DEAD, until());
      await journal().enter(instance, note(), until());
      await journal().forget(instance, until());
      expect(await journal().lapsed(until())).toContain(instance);
    });
  });
}

describeJournal('the embedded store', () => embedded);
const embedded = new EmbeddedStore({ name: 'default', clock: systemClock, lifetime }).journal;

describeJournal('a store of single keys', () => singleKeys);
const singleKeys = new SingleKeyStore({
  name: 'default',
  clock: systemClock,
  lifetime,
  cache: new MemoryCache({ clock: systemClock }),
}).journal;

describeRedis('on a real Redis', () => {
  let server: RedisServer;
  let opened: Awaited<ReturnType<typeof openRedisStore>>;

  beforeAll(async () => {
    server = await RedisServer.start();
    opened = await openRedisStore({ url: server.url }, lifetime);
  });

  afterAll(async () => {
    await opened.close();
    await server.stop();
  });

  describeJournal('Redis', () => opened.store.journal);

  it('counts a note that makes no sense, and gives back the others', async () => {
    const { journal } = opened.store;
    await journal.enter('broken', note(), until());
    const key = `dtx:{${tagOfSlot(slotOf('broken'))}}:journal:broken`;
    await opened.other.hset(key, 'no address', '[]', 'tx9@0@9', 'no list');

    expect(await journal.entries('broken', { most: 10 }, until())).toEqual({
      entries: [note()],
      unreadable: 2,
      next: undefined,
    });
  });

  describe('forgetting an instance that was only silent', () => {
    let connection: RedisConnection;
    let journal: RedisJournal;

    beforeEach(async () => {
      const forced = { connectTimeoutMs: 1000, commandTimeoutMs: 1000 };
      connection = new RedisConnection(openRedisClient(server.url, forced), systemClock, 1000);
      await connection.open(until());
      journal = new RedisJournal({
        connection,
        clock: systemClock,
        nodeTime: () => Date.now(),
        persist: (_, step) => step(),
      });
      await journal.beat('silent', DEAD, until());
    });

    afterEach(() => connection.close());

    /** Does something between two steps of the journal. */
    function before(command: RegExp, act: () => Promise<void>): void {
      const execute = connection.execute.bind(connection);
      connection.execute = async (name, args, key) => {
        if (command.test(name)) await act();
        return execute(name, args, key);
      };
    }

    it('leaves it in where it comes back to life meanwhile', async () => {
      before(/ZREM|EVALSHA/, () => opened.store.journal.beat('silent', ALIVE, until()));
      await journal.forget('silent', until());

      expect(await opened.other.zscore(`dtx:{${tagOfSlot(0)}}:instances`, 'silent')).not.toBeNull();
    });

    it('puts it back where it has noted something meanwhile', async () => {
      before(/ZREM|EVALSHA/, () => opened.store.journal.enter('silent', note(), until()));
      await journal.forget('silent', until());

      expect(await journal.lapsed(until())).toContain('silent');
    });
  });
});
