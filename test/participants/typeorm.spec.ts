import type { DataSource, EntityManager } from 'typeorm';
import {
  ModuleOptionsError,
  ParticipantUsageError,
  TransactionRolledBackError,
} from '../../lib/errors/index.js';
import { Propagation } from '../../lib/transaction/propagation.js';
import { TypeOrmParticipant } from '../../lib/typeorm/index.js';
import { Account } from '../support/entities.js';
import { describeMariaDb, MariaDbServer } from '../support/mariadb-server.js';
import { describePostgres, PostgresServer } from '../support/postgres-server.js';
import { TestRuntime } from '../support/test-runtime.js';
import { describeAdapter } from './adapter-suite.js';
import { openMariaDb, openPostgres, RowSchema, type TypeOrmScene } from './typeorm-scene.js';

describeMariaDb('TypeOrmParticipant on MariaDB', () => {
  let server: MariaDbServer;

  beforeAll(async () => {
    server = await MariaDbServer.start();
  });

  afterAll(() => server.stop());

  describeAdapter(() => openMariaDb(server), { readsLock: true });

  it('streams on the connection of the transaction, and others wait until it has ended', async () => {
    const scene = await openMariaDb(server);
    const runtime = await TestRuntime.open({ store: 'embedded' }, [scene.participant]);
    await runtime.manager.run(async () => {
      await scene.rows.insert([1, 2, 3].map((id) => ({ id, v: 0 })));
      const stream = await scene.rows.createQueryBuilder('t').stream();
      const count = scene.rows.count();
      const seen: unknown[] = [];
      for await (const row of stream) seen.push(row);
      expect(seen).toHaveLength(3);
      expect(await count).toBe(3);
      expect(scene.inUse()).toBe(1);
    });

    expect(scene.inUse()).toBe(0);
    await runtime.close();
    await scene.close();
  });
});

describePostgres('TypeOrmParticipant on PostgreSQL', () => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await PostgresServer.start();
  });

  afterAll(() => server.stop());

  describeAdapter(() => openPostgres(server));

  describe('of TypeORM', () => {
    let scene: TypeOrmScene;
    let runtime: TestRuntime;
    let dataSource: DataSource;

    beforeEach(async () => {
      scene = await openPostgres(server);
      ({ dataSource } = scene);
      runtime = await TestRuntime.open({ stores: { default: 'embedded' } }, [scene.participant]);
    });

    afterEach(async () => {
      await runtime.close();
      await scene.close();
    });

    const failing = new Error('on purpose');

    it.each<[string, (manager: EntityManager) => Promise<unknown>]>([
      ['the manager', (manager) => manager.save(RowSchema, { id: 1, v: 0 })],
      ['its query', (manager) => manager.query('INSERT INTO t VALUES ($1, 0)', [1])],
      ['a repository of it', (manager) => manager.getRepository(RowSchema).save({ id: 1, v: 0 })],
      ['the data source', () => dataSource.query('INSERT INTO t VALUES (1, 0)')],
      [
        'a query builder',
        (manager) =>
          manager.createQueryBuilder().insert().into(RowSchema).values({ id: 1, v: 0 }).execute(),
      ],
      [
        'a custom repository',
        () => scene.rows.extend({ add: () => scene.rows.insert({ id: 1, v: 0 }) }).add(),
      ],
      ['an upsert', () => scene.rows.upsert({ id: 1, v: 0 }, ['id'])],
    ])('%s follows the transaction', async (_, insert) => {
      const call = runtime.manager.run(async () => {
        await insert(dataSource.manager);
        expect(await scene.ids()).toEqual([1]);
        expect(await scene.outside('SELECT id FROM t')).toEqual([]);
        throw failing;
      });
      await expect(call).rejects.toBe(failing);
      expect(await scene.ids()).toEqual([]);

      await runtime.manager.run(() => insert(dataSource.manager));
      expect(await scene.outside('SELECT id FROM t')).toEqual([{ id: 1 }]);
    });

    it('a query builder follows the transaction it is run in, not where it was made', async () => {
      const select = scene.rows.createQueryBuilder('t').orderBy('t.id');
      await runtime.manager.run(async () => {
        await scene.insert(1);
        expect(await select.getManyAndCount()).toEqual([[{ id: 1, v: 0 }], 1]);
        expect(await select.clone().setLock('pessimistic_write').getMany()).toHaveLength(1);
      });
      expect(await select.getCount()).toBe(1);
    });

    it('saves in one statement, without a savepoint around it', async () => {
      const statements: string[] = [];
      dataSource.setOptions({ logging: ['query'] });
      dataSource.logger.logQuery = (query) => void statements.push(query);
      await runtime.manager.run(() =>
        scene.rows.save([
          { id: 1, v: 0 },
          { id: 2, v: 0 },
        ]),
      );

      const insert = expect.stringContaining('INSERT INTO "t"');
      const select = expect.stringContaining('SELECT');
      const commit = expect.stringMatching(/INSERT INTO dtx_decision.*COMMIT/s);
      expect(statements).toEqual([expect.stringContaining('BEGIN'), select, insert, commit]);
    });

    it('several saves at the same time do not undo each other', async () => {
      const call = runtime.manager.run(async () => {
        await scene.insert(1);
        const results = await Promise.allSettled([
          scene.rows.save({ id: 2, v: 0 }),
          scene.insert(1),
          scene.rows.save({ id: 3, v: 0 }),
        ]);
        return results.map(({ status }) => status);
      });

      await expect(call).rejects.toThrow(TransactionRolledBackError);
      expect(await scene.ids()).toEqual([]);
    });

    it('a nested transaction that fails takes its work on the cache with it', async () => {
      const accounts = runtime.repository(Account);
      await runtime.manager.run(async () => {
        await accounts.save({ id: 'a', balance: 1, points: 0 });
        const nested = dataSource.transaction('SERIALIZABLE', async (manager) => {
          await manager.insert(RowSchema, { id: 1, v: 0 });
          await manager.transaction((inner) => inner.insert(RowSchema, { id: 2, v: 0 }));
          await accounts.save({ id: 'b', balance: 1, points: 0 });
          expect(await scene.ids()).toEqual([1, 2]);
          throw failing;
        });
        await expect(nested).rejects.toBe(failing);
        await scene.insert(3);
      });

      expect(await scene.ids()).toEqual([3]);
      const found = await runtime.manager.run(() => accounts.findMany(['a', 'b']));
      expect(found).toEqual([expect.objectContaining({ balance: 1 }), null]);
    });

    it('nested transactions at the same time never lose work that was reported as done', async () => {
      const call = runtime.manager.run(async () => {
        const both = await Promise.allSettled([
          dataSource.transaction(async (manager) => {
            await manager.insert(RowSchema, { id: 1, v: 0 });
            await manager.find(RowSchema);
          }),
          dataSource.transaction(async (manager) => {
            await manager.insert(RowSchema, { id: 2, v: 0 });
            await manager.find(RowSchema);
            await manager.find(RowSchema);
            throw failing;
          }),
        ]);
        return both.map(({ status }) => status);
      });
      const statuses = await call.catch(() => []);

      expect(await scene.ids()).toEqual(statuses[0] === 'fulfilled' ? [1] : []);
    });

    it('a query runner begins, commits and rolls back a savepoint', async () => {
      await runtime.manager.run(async () => {
        for (const [id, end] of [
          [1, 'commitTransaction'],
          [2, 'rollbackTransaction'],
        ] as const) {
          const runner = dataSource.createQueryRunner();
          await runner.connect();
          await runner.startTransaction('READ COMMITTED');
          await runner.manager.insert(RowSchema, { id, v: 0 });
          await runner[end]();
          await runner.release();
        }
        expect(await scene.ids()).toEqual([1]);
        expect(scene.inUse()).toBe(1);
      });

      expect(await scene.ids()).toEqual([1]);
    });

    it('savepoints of query runners that do not lie within each other are refused', async () => {
      const call = runtime.manager.run(async () => {
        const [one, other] = [dataSource.createQueryRunner(), dataSource.createQueryRunner()];
        await one.startTransaction();
        await other.startTransaction();
        await one.manager.insert(RowSchema, { id: 1, v: 0 });
        await one.commitTransaction();
        await other.rollbackTransaction().catch(() => undefined);
      });

      await expect(call).rejects.toThrow(TransactionRolledBackError);
      expect(await scene.ids()).toEqual([]);
    });

    it('a query runner cannot commit the transaction around it', async () => {
      const call = runtime.manager.run(async () => {
        await scene.insert(1);
        await dataSource.createQueryRunner().commitTransaction();
      });

      await expect(call).rejects.toThrow(ParticipantUsageError);
      expect(await scene.ids()).toEqual([]);
    });

    it('a query runner of before stays outside', async () => {
      const runner = dataSource.createQueryRunner();
      await runtime.manager.run(async () => {
        await scene.insert(1);
        expect(await runner.query('SELECT id FROM t')).toEqual([]);
      });
      await runner.release();
    });

    it('the manager of one transaction stays with it', async () => {
      await runtime.manager.run(async () => {
        await scene.insert(1);
        const { manager } = dataSource.createQueryRunner();
        await runtime.manager.run(
          async () => {
            await manager.transaction((own) => own.insert(RowSchema, { id: 2, v: 0 }));
            expect(await scene.ids()).toEqual([]);
          },
          { propagation: Propagation.REQUIRES_NEW },
        );
        expect(await scene.ids()).toEqual([1, 2]);
      });
    });

    it('a subscriber works in the transaction of the event', async () => {
      dataSource.subscribers.push({
        afterInsert: async ({ manager, entity }) => {
          if (entity.id < 10) await manager.insert(RowSchema, { id: entity.id + 10, v: 0 });
        },
      });
      const call = runtime.manager.run(async () => {
        await scene.rows.save({ id: 1, v: 0 });
        expect(await scene.ids()).toEqual([1, 11]);
        throw failing;
      });

      await expect(call).rejects.toBe(failing);
      expect(await scene.ids()).toEqual([]);
    });

    it('a connection that is lost between two statements fails the transaction', async () => {
      const call = runtime.manager.run(
        async () => {
          await scene.insert(1);
          const [row] = await dataSource.query('SELECT pg_backend_pid() AS pid');
          await scene.outside(`SELECT pg_terminate_backend(${row.pid}, 5000)`);
          await scene.insert(2).catch(() => undefined);
        },
        { retry: { attempts: 1 } },
      );

      await expect(call).rejects.toMatchObject({
        cause: expect.objectContaining({ message: expect.stringContaining('terminat') }),
      });
      expect(await scene.ids()).toEqual([]);
      await runtime.manager.run(() => scene.insert(3));
      expect(await scene.ids()).toEqual([3]);
    });

    it('is refused for a data source that takes part already, and for other databases', () => {
      expect(() => new TypeOrmParticipant({ name: 'again', dataSource })).toThrow(
        ModuleOptionsError,
      );
      const file = { options: { type: 'sqljs' } } as DataSource;
      expect(() => new TypeOrmParticipant({ name: 'file', dataSource: file })).toThrow(
        /is of type sqljs/,
      );
    });

    it('leaves the data source as it was when the application closes', async () => {
      await runtime.close();

      expect(Object.hasOwn(dataSource, 'createQueryRunner')).toBe(false);
      expect(Object.hasOwn(dataSource.manager, 'transaction')).toBe(false);
      await dataSource.transaction((manager) => manager.insert(RowSchema, { id: 1, v: 0 }));
      expect(await scene.ids()).toEqual([1]);
    });

    it('tells when no application provides it, or one that has not started yet', async () => {
      const other = await openPostgres(server);
      const error = await runtime.manager.run(() => other.insert(1)).catch((caught) => caught);
      expect(error).toBeInstanceOf(ParticipantUsageError);
      expect((error as Error).message).toMatch(/no application that has started provides it/);
      await other.participant.close?.();
      await other.close();
    });
  });
});
