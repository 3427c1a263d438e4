import { UniqueConstraintViolationException, type MikroORM } from '@mikro-orm/postgresql';
import { RequestContext } from '@mikro-orm/core';
import {
  ModuleOptionsError,
  ParticipantUsageError,
  TransactionClosedError,
  TransactionRolledBackError,
} from '../../lib/errors/index.js';
import { MikroOrmParticipant } from '../../lib/mikro-orm/index.js';
import { Propagation } from '../../lib/transaction/propagation.js';
import { Account } from '../support/entities.js';
import { describePostgres, PostgresServer } from '../support/postgres-server.js';
import { TestRuntime } from '../support/test-runtime.js';
import { describeAdapter } from './adapter-suite.js';
import { openMikroOrm, Row, type MikroOrmScene } from './mikro-orm-scene.js';

const NESTED = { propagation: Propagation.NESTED };

describePostgres('MikroOrmParticipant', () => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await PostgresServer.start();
  });

  afterAll(() => server.stop());

  describeAdapter(() => openMikroOrm(server));

  describe('of MikroORM', () => {
    let scene: MikroOrmScene;
    let runtime: TestRuntime;
    let orm: MikroORM;

    beforeEach(async () => {
      scene = await openMikroOrm(server);
      ({ orm } = scene);
      runtime = await TestRuntime.open({ stores: { default: 'embedded' } }, [scene.participant]);
    });

    afterEach(async () => {
      await runtime.close();
      await scene.close();
    });

    const failing = new Error('on purpose');
    const persist = (id: number): void => void orm.em.persist(orm.em.create(Row, { id, v: 0 }));

    it('flushes what was changed before the commit', async () => {
      await scene.insert(1);
      await runtime.manager.run(async () => {
        (await orm.em.findOneOrFail(Row, 1)).v = 7;
        persist(2);
      });

      expect(await scene.outside('SELECT * FROM t ORDER BY id')).toEqual([
        { id: 1, v: 7 },
        { id: 2, v: 0 },
      ]);
    });

    it('rolls back when the last flush fails, with the error of MikroORM', async () => {
      await scene.insert(1);
      const accounts = runtime.repository(Account);
      const call = runtime.manager.run(async () => {
        await accounts.save({ id: 'a', balance: 1, points: 0 });
        persist(1);
      });

      await expect(call).rejects.toThrow(UniqueConstraintViolationException);
      expect(await runtime.manager.run(() => accounts.findOne('a'))).toBeNull();
    });

    it('takes no connection where nothing has to be flushed', async () => {
      await runtime.manager.run(async () => {
        orm.em.getReference(Row, 1);
        await orm.em.flush();
        expect(scene.inUse()).toBe(0);
      });
    });

    it('begins every attempt with nothing loaded', async () => {
      await scene.insert(1);
      let attempts = 0;
      await runtime.manager.run(async () => {
        const row = await orm.em.findOneOrFail(Row, 1);
        if (++attempts === 1) await scene.outside('UPDATE t SET v = v + 10 WHERE id = 1');
        row.v += 1;
        persist(attempts + 1);
      });

      expect(attempts).toBe(2);
      expect(await scene.outside('SELECT * FROM t ORDER BY id')).toEqual([
        { id: 1, v: 11 },
        { id: 3, v: 0 },
      ]);
    });

    it.each([
      ['a native query', () => orm.em.execute('INSERT INTO t VALUES (?, 0)', [1])],
      ['a query builder', () => orm.em.createQueryBuilder(Row).insert({ id: 1, v: 0 }).execute()],
      ['the connection', () => orm.em.getConnection().execute('INSERT INTO t VALUES (1, 0)')],
      ['an upsert', () => orm.em.upsert(Row, { id: 1, v: 0 })],
      ['a fork', () => orm.em.fork().insert(Row, { id: 1, v: 0 })],
      [
        'a flush of a fork',
        async () => {
          const fork = orm.em.fork();
          await fork.persistAndFlush(fork.create(Row, { id: 1, v: 0 }));
        },
      ],
    ] as [string, () => Promise<unknown>][])('%s follows the transaction', async (_, insert) => {
      const call = runtime.manager.run(async () => {
        await insert();
        expect(await scene.ids()).toEqual([1]);
        expect(await scene.outside('SELECT id FROM t')).toEqual([]);
        throw failing;
      });

      await expect(call).rejects.toBe(failing);
      expect(await scene.ids()).toEqual([]);
    });

    it('a nested method that failed leaves nothing to be flushed', async () => {
      await runtime.manager.run(async () => {
        persist(1);
        await runtime.manager.run(async () => persist(2), NESTED);
        expect(await orm.em.find(Row, {})).toHaveLength(2);
        const nested = runtime.manager.run(() => {
          persist(3);
          return Promise.reject(failing);
        }, NESTED);
        await expect(nested).rejects.toBe(failing);
      });

      expect(await scene.ids()).toEqual([1, 2]);
    });

    it('a nested method that failed has changed nothing that the method around it has loaded', async () => {
      await scene.insert(1);
      await runtime.manager.run(async () => {
        const row = await orm.em.findOneOrFail(Row, 1);
        row.v = 3;
        const nested = runtime.manager.run(async () => {
          (await orm.em.findOneOrFail(Row, 1)).v = 8;
          await orm.em.flush();
          throw failing;
        }, NESTED);
        await expect(nested).rejects.toBe(failing);
        expect(row.v).toBe(3);
      });

      expect(await scene.valueOf(1)).toBe(3);
    });

    it('a nested method must not change what was changed around it and not flushed', async () => {
      await scene.insert(1);
      const call = runtime.manager.run(async () => {
        (await orm.em.findOneOrFail(Row, 1)).v = 3;
        await runtime.manager.run(async () => {
          (await orm.em.findOneOrFail(Row, 1)).v = 8;
        }, NESTED);
      });

      await expect(call).rejects.toThrow(ParticipantUsageError);
      expect(await scene.valueOf(1)).toBe(0);
    });

    it('the method around a nested one finds what that did', async () => {
      await scene.insert(1);
      await runtime.manager.run(async () => {
        const row = await orm.em.findOneOrFail(Row, 1);
        await runtime.manager.run(async () => {
          (await orm.em.findOneOrFail(Row, 1)).v = 5;
          persist(2);
          await runtime.manager.run(async () => orm.em.nativeDelete(Row, 3), NESTED);
        }, NESTED);
        expect(row.v).toBe(5);
        expect(await scene.ids()).toEqual([1, 2]);
      });

      expect(await scene.valueOf(1)).toBe(5);
    });

    it('transactional() hands its entities on, and its failure takes the cache along', async () => {
      const accounts = runtime.repository(Account);
      await runtime.manager.run(async () => {
        await orm.em.transactional(async (em) => {
          em.persist(em.create(Row, { id: 1, v: 0 }));
          persist(2);
          await em.transactional((inner) => inner.insert(Row, { id: 3, v: 0 }));
        });
        (await orm.em.findOneOrFail(Row, 1)).v = 4;
        const nested = orm.em.transactional(async () => {
          await accounts.save({ id: 'a', balance: 1, points: 0 });
          persist(4);
          await orm.em.flush();
          throw failing;
        });
        await expect(nested).rejects.toBe(failing);
      });

      expect(await scene.ids()).toEqual([1, 2, 3]);
      expect(await scene.valueOf(1)).toBe(4);
      expect(await runtime.manager.run(() => accounts.findOne('a'))).toBeNull();
    });

    it('transactional() at the same time never loses work that was reported as done', async () => {
      const call = runtime.manager.run(async () => {
        const both = await Promise.allSettled([
          orm.em.transactional((em) => em.insert(Row, { id: 1, v: 0 })),
          orm.em.transactional(async (em) => {
            await em.insert(Row, { id: 2, v: 0 });
            await em.find(Row, {});
            throw failing;
          }),
        ]);
        return both.map(({ status }) => status);
      });
      const statuses = await call.catch(() => []);

      expect(await scene.ids()).toEqual(statuses[0] === 'fulfilled' ? [1] : []);
    });

    it('REQUIRES_NEW within transactional() is a transaction of its own', async () => {
      const call = runtime.manager.run(async () => {
        await orm.em.transactional(async () => {
          persist(1);
          await runtime.manager.run(
            async () => {
              persist(2);
              await orm.em.flush();
              expect(await scene.ids()).toEqual([2]);
            },
            { propagation: Propagation.REQUIRES_NEW },
          );
          await runtime.manager.run(() => scene.insert(3), {
            propagation: Propagation.NOT_SUPPORTED,
          });
        });
        throw failing;
      });

      await expect(call).rejects.toBe(failing);
      expect(await scene.ids()).toEqual([2, 3]);
    });

    it('begin, commit and rollback by hand are savepoints', async () => {
      await runtime.manager.run(async () => {
        await scene.insert(1);
        await orm.em.begin();
        await orm.em.insert(Row, { id: 2, v: 0 });
        await orm.em.commit();
        await orm.em.begin();
        await orm.em.insert(Row, { id: 3, v: 0 });
        await orm.em.rollback();
        expect(scene.inUse()).toBe(1);
      });

      expect(await scene.ids()).toEqual([1, 2]);
    });

    it('what a request has loaded stays with the request', async () => {
      await scene.insert(1);
      await RequestContext.create(orm.em, async () => {
        const row = await orm.em.findOneOrFail(Row, 1);
        await runtime.manager.run(async () => {
          expect(await orm.em.findOneOrFail(Row, 1)).not.toBe(row);
          persist(2);
        });
        expect(await orm.em.findOneOrFail(Row, 1)).toBe(row);
      });

      expect(await scene.ids()).toEqual([1, 2]);
    });

    it('the filters of a request hold in a transaction, and in a nested method', async () => {
      await scene.insert(1);
      await scene.insert(2);
      await RequestContext.create(orm.em, () =>
        runtime.manager.run(async () => {
          orm.em.addFilter('above', { id: { $gt: 1 } }, Row);
          expect(await orm.em.find(Row, {})).toMatchObject([{ id: 2 }]);
          const nested = runtime.manager.run(() => orm.em.find(Row, {}), NESTED);
          expect(await nested).toMatchObject([{ id: 2 }]);
        }),
      );
      await RequestContext.create(orm.em, async () => {
        orm.em.addFilter('below', { id: { $lt: 2 } }, Row);
        const found = await runtime.manager.run(() => orm.em.find(Row, {}));
        expect(found).toMatchObject([{ id: 1 }]);
      });
    });

    it('a statement that failed cannot be caught and forgotten', async () => {
      await scene.insert(1);
      const call = runtime.manager.run(async () => {
        persist(1);
        await orm.em.flush().catch(() => undefined);
      });

      await expect(call).rejects.toThrow(TransactionRolledBackError);
    });

    it('what was loaded in a transaction that is over loads no more', async () => {
      await scene.insert(1);
      const em = await runtime.manager.run(async () => orm.em.getContext());

      await expect(em.findOne(Row, 1)).rejects.toThrow(TransactionClosedError);
    });

    it('leaves MikroORM as it was when the application closes', async () => {
      await runtime.close();

      expect(Object.hasOwn(orm.em, 'getContext')).toBe(false);
      expect(Object.hasOwn(orm.em.getConnection(), 'execute')).toBe(false);
      await orm.em.transactional((em) => em.insert(Row, { id: 1, v: 0 }));
      expect(await scene.ids()).toEqual([1]);
    });

    it('is refused for an ORM that takes part already', () => {
      expect(() => new MikroOrmParticipant({ name: 'again', orm })).toThrow(ModuleOptionsError);
    });
  });
});
