import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Module, type INestApplicationContext } from '@nestjs/common';
import { Cluster } from 'ioredis';
import { Cluster as Cluster5 } from 'ioredis-5';
import {
  CounterBoundError,
  DistributedTxModule,
  EntityAlreadyExistsError,
  getTxRepositoryToken,
  TransactionConflictError,
  TransactionManager,
  TxEntity,
  type EntityClass,
  type RedisSource,
  type TxRepository,
} from '../../lib/index.js';
import { describeRedis } from '../support/describe-server.js';
import { poll } from '../support/poll.js';
import { RedisCluster } from '../support/redis-cluster.js';

/** All of them on one node. */
@TxEntity({ name: 'account', hashTag: 'bank', counters: ['balance'] })
class Account {
  id!: string;
  balance!: number;
}

/** Those of one customer on one node. */
@TxEntity({ name: 'note', hashTag: (id) => id.split('/')[0]! })
class Note {
  id!: string;
  text!: string;
}

/** Everywhere. */
@TxEntity({ name: 'page' })
class Page {
  id!: string;
  text!: string;
}

/** On another node than the accounts. */
@TxEntity({ name: 'till', counters: ['taken'] })
class Till {
  id!: string;
  taken!: number;
}

interface Application {
  readonly app: INestApplicationContext;
  readonly manager: TransactionManager;
  readonly accounts: TxRepository<Account>;
  readonly notes: TxRepository<Note>;
  readonly pages: TxRepository<Page>;
  readonly tills: TxRepository<Till>;
}

async function start(redis: RedisSource): Promise<Application> {
  @Module({
    imports: [
      DistributedTxModule.forRoot({ redis }),
      DistributedTxModule.forFeature([Account, Note, Page, Till]),
    ],
  })
  class AppModule {}
  const app = await NestFactory.createApplicationContext(AppModule, {
    logger: false,
    abortOnError: false,
  });
  const repository = <T extends object>(entity: EntityClass<T>): TxRepository<T> =>
    app.get<TxRepository<T>>(getTxRepositoryToken(entity), { strict: false });
  return {
    app,
    manager: app.get(TransactionManager),
    accounts: repository(Account),
    notes: repository(Note),
    pages: repository(Page),
    tills: repository(Till),
  };
}

describeRedis('On a cluster of three nodes', () => {
  let cluster: RedisCluster;
  let client: Cluster;
  let shop: Application;
  const ports = (): { host: string; port: number }[] =>
    cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port }));

  beforeAll(async () => {
    cluster = await RedisCluster.start();
    client = new Cluster(ports(), { redisOptions: { maxRetriesPerRequest: 7 } });
    shop = await start(client);
  });
  afterAll(async () => {
    await shop.app.close();
    client.disconnect();
    await cluster.stop();
    Logger.overrideLogger(true);
  });
  beforeEach(() => Promise.all(cluster.nodes.map((node) => node.command('FLUSHALL'))));

  /** The keys of entities; the records of transactions do not count. */
  async function entityKeys(): Promise<string[]> {
    const replies = await Promise.all(cluster.nodes.map((node) => node.command('KEYS', '*')));
    return replies.flatMap((keys) => keys as string[]).filter((key) => !key.startsWith('dtx:'));
  }

  it('transactions over one hashTag keep their sums, with 100 at once', async () => {
    const { manager, accounts } = shop;
    await manager.run(async () => {
      for (const id of ['a', 'b', 'c']) await accounts.insert({ id, balance: 1000 });
    });
    const transfer = (from: string, to: string): Promise<void> =>
      manager.run(
        async () => {
          const [source, target] = await accounts.findManyOrFail([from, to]);
          await accounts.update(from, { balance: source.balance - 1 });
          await accounts.update(to, { balance: target.balance + 1 });
        },
        { timeoutMs: 20_000, retry: { attempts: 1000, maxBackoffMs: 20 } },
      );
    const ids = ['a', 'b', 'c'];
    await Promise.all(
      Array.from({ length: 100 }, (_, n) => transfer(ids[n % 3]!, ids[(n + 1) % 3]!)),
    );
    const balances = (await accounts.findManyOrFail(ids)).map(({ balance }) => balance);
    expect(balances.reduce((sum, balance) => sum + balance)).toBe(3000);
  });

  it('a hashTag of the id co-locates what belongs together', async () => {
    const { manager, notes } = shop;
    await manager.run(async () => {
      await notes.insert({ id: 'ann/1', text: 'one' });
      await notes.insert({ id: 'ann/2', text: 'two' });
    });
    const slots = await Promise.all(
      ['ann/1', 'ann/2'].map((id) => client.cluster('KEYSLOT', `note:{ann}:${id}`)),
    );
    expect(slots[0]).toBe(slots[1]);
    expect(await notes.findManyOrFail(['ann/1', 'ann/2'])).toHaveLength(2);
  });

  it('writes on several slots commit together', async () => {
    const { manager, pages } = shop;
    const ids = ['a', 'b', 'c', 'd', 'e'];
    await manager.run(async () => {
      for (const id of ids) await pages.insert({ id, text: id });
    });
    const found = await pages.findManyOrFail(ids);
    expect(found.map(({ text }) => text)).toEqual(ids);
    expect(await entityKeys()).toHaveLength(ids.length);
  });

  it('writes on several slots are taken back together', async () => {
    const { manager, pages } = shop;
    await pages.insert({ id: 'd', text: 'stands' });
    const writing = manager.run(async () => {
      for (const id of ['a', 'b', 'c', 'd']) await pages.insert({ id, text: id });
    });
    await expect(writing).rejects.toThrow(EntityAlreadyExistsError);
    await poll(async () => ((await entityKeys()).length === 1 ? true : undefined), {
      deadlineMs: 2000,
      until: 'the locks are gone',
    });
    expect(await pages.findMany(['a', 'b', 'c'])).toEqual([null, null, null]);
    expect(await pages.findOneOrFail('d')).toMatchObject({ text: 'stands' });
  });

  it('one write depends on reads of other slots', async () => {
    const { manager, pages } = shop;
    await pages.insert({ id: 'a', text: 'old' });
    let attempts = 0;
    await manager.run(async () => {
      attempts += 1;
      const found = await pages.findOneOrFail('a');
      if (attempts === 1) await changeFromOutside('a');
      await pages.save({ id: 'b', text: found.text });
    });
    expect(attempts).toBe(2);
    expect(await pages.findOneOrFail('b')).toMatchObject({ text: 'new' });
  });

  it('increments on several slots keep their bounds together', async () => {
    const { manager, accounts, tills } = shop;
    await accounts.insert({ id: 'a', balance: 5 });
    await tills.insert({ id: 'till', taken: 0 });
    const pay = (amount: number): Promise<void> =>
      manager.run(async () => {
        await accounts.increment('a', 'balance', -amount, { min: 0 });
        await tills.increment('till', 'taken', amount);
      });
    await pay(3);
    await expect(pay(3)).rejects.toThrow(CounterBoundError);
    expect(await accounts.findOneOrFail('a')).toMatchObject({ balance: 2 });
    expect(await tills.findOneOrFail('till')).toMatchObject({ taken: 3 });
  });

  it('reading over several slots works, and is validated', async () => {
    const { manager, pages } = shop;
    const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
    for (const id of ids) await pages.insert({ id, text: 'old' });
    expect(await manager.run(() => pages.findMany(ids))).toHaveLength(6);
    let attempts = 0;
    const texts = await manager.run(async () => {
      attempts += 1;
      const first = await pages.findOneOrFail('a');
      if (attempts === 1) await changeFromOutside('a');
      const rest = await pages.findManyOrFail(ids.slice(1));
      return [first, ...rest].map(({ text }) => text);
    });
    expect(attempts).toBe(2);
    expect(texts).toEqual(['new', 'old', 'old', 'old', 'old', 'old']);
  });

  it('an absence on another slot is validated', async () => {
    const { manager, pages } = shop;
    await pages.insert({ id: 'a', text: 'old' });
    const reading = manager.run(
      async () => {
        await pages.findOne('missing');
        await changeFromOutside('missing');
        await pages.findOne('a');
      },
      { retry: { attempts: 1 } },
    );
    await expect(reading).rejects.toThrow(TransactionConflictError);
  });

  it('outcomes are found by their address, wherever their records lie', async () => {
    const { manager, pages } = shop;
    for (const id of ['a', 'b', 'c', 'd']) {
      const address = await manager.run(async () => {
        await pages.insert({ id, text: id });
        return manager.current()!.address;
      });
      expect(await manager.outcomeOf(address)).toBe('committed');
    }
  });

  it("leaves the user's client open and as it is", async () => {
    const before = { ...client.options };
    const other = await start(client);
    await other.pages.insert({ id: 'x', text: 'x' });
    await other.app.close();
    expect({ ...client.options }).toEqual(before);
    expect([client.status, await client.get('page:x')]).toEqual(['ready', expect.any(String)]);
  });

  it('closes every connection to every node', async () => {
    const count = async (): Promise<number> => {
      const lists = await Promise.all(
        cluster.nodes.map((node) => node.command('CLIENT', 'LIST', 'TYPE', 'normal')),
      );
      return lists.join('').trim().split('\n').length;
    };
    const before = await count();
    const other = await start(new Cluster(ports(), { lazyConnect: true }));
    for (const id of ['a', 'b', 'c', 'd']) await other.pages.insert({ id, text: id });
    expect(await count()).toBeGreaterThan(before);
    await other.app.close();
    await poll(async () => ((await count()) <= before ? true : undefined), {
      deadlineMs: 2000,
      until: 'the connections are closed',
    });
  });

  it('works with a cluster of ioredis 5', async () => {
    const five = new Cluster5(ports()) as unknown as Cluster;
    const other = await start(five);
    await other.pages.insert({ id: 'five', text: 'x' });
    expect(await shop.pages.findOneOrFail('five')).toMatchObject({ text: 'x' });
    await other.app.close();
    five.disconnect();
  });

  function changeFromOutside(id: string): Promise<Page> {
    return shop.manager.run(() => shop.pages.save({ id, text: 'new' }), {
      propagation: 'REQUIRES_NEW',
    });
  }
});
