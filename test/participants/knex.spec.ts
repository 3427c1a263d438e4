import knex, { type Knex } from 'knex';
import {
  ModuleOptionsError,
  ParticipantUsageError,
  TransactionTimeoutError,
} from '../../lib/errors/index.js';
import { KnexParticipant, knexMigration } from '../../lib/knex/index.js';
import { describeMariaDb, MariaDbServer } from '../support/mariadb-server.js';
import { poll } from '../support/poll.js';
import { describePostgres, PostgresServer } from '../support/postgres-server.js';
import { TestRuntime } from '../support/test-runtime.js';
import { describeAdapter } from './adapter-suite.js';
import { KnexScene, type Row } from './knex-scene.js';

describePostgres('KnexParticipant on PostgreSQL', () => {
  let server: PostgresServer;
  let own: Knex;

  beforeAll(async () => {
    server = await PostgresServer.start();
    own = knex({ client: 'pg', connection: { ...server.address() }, pool: { min: 0, max: 2 } });
    await own.raw(knexMigration('postgres'));
    await own.raw('CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL)');
  });

  afterAll(async () => {
    await own.destroy();
    await server.stop();
  });

  beforeEach(async () => {
    await own.raw('TRUNCATE t, dtx_decision');
  });

  function open(): KnexScene {
    const pool = { min: 0, max: 4 };
    return new KnexScene(knex({ client: 'pg', connection: { ...server.address() }, pool }), own);
  }

  describeAdapter(() => Promise.resolve(open()));

  describe('beyond the suite', () => {
    let scene: KnexScene;
    let runtime: TestRuntime;
    let db: Knex;

    beforeEach(async () => {
      scene = open();
      db = scene.participant.knex;
      runtime = await TestRuntime.open({ stores: { default: 'embedded' } }, [scene.participant]);
    });

    afterEach(async () => {
      await runtime.close();
      await scene.close();
    });

    function ids(): Promise<number[]> {
      return own<Row>('t').orderBy('id').pluck('id');
    }

    it('runs a builder in the transaction though nobody awaits it in the method', async () => {
      const call = runtime.manager.run(async () => {
        await runtime.manager.run(() => db('t').insert({ id: 1, v: 0 }) as Promise<unknown>);
        throw new Error('failed');
      });
      await expect(call).rejects.toThrow('failed');
      expect(await ids()).toEqual([]);

      await runtime.manager.run(() => {
        const inserted = db('t').insert({ id: 1, v: 0 }).returning('id') as Promise<unknown>;
        expect(scene.inUse()).toBe(0);
        return inserted;
      });
      expect(await ids()).toEqual([1]);
      const { rows } = await own.raw('SELECT count(*)::int AS n FROM dtx_decision');
      expect(rows).toEqual([{ n: 1 }]);
    });

    it('runs raw statements, batches, tables of the schema and joined builders', async () => {
      const call = runtime.manager.run(async () => {
        await db.schema.createTable('u', (table) => table.integer('id').primary());
        await db.batchInsert('u', [{ id: 1 }, { id: 2 }], 1);
        await db('t').insert([1, 2].map((id) => ({ id, v: id })));
        const { rows } = await db.raw('SELECT count(*)::int AS n FROM u WHERE id > ?', [0]);
        expect(rows).toEqual([{ n: 2 }]);
        const joined = db('t')
          .join('u', 'u.id', 't.id')
          .where('t.v', '>', db.raw('?', [1]));
        expect(await joined.select('t.*')).toEqual([{ id: 2, v: 2 }]);
        expect(await db.queryBuilder().from('t').count({ n: '*' }).first()).toEqual({ n: '2' });
        throw new Error('failed');
      });

      await expect(call).rejects.toThrow('failed');
      expect(await own.schema.hasTable('u')).toBe(false);
    });

    it('nests transactions that end by hand, with savepoints in them', async () => {
      await runtime.manager.run(async () => {
        const trx = await db.transaction();
        await trx<Row>('t').insert({ id: 1, v: 0 });
        await trx.transaction(async (inner) => {
          await inner<Row>('t').insert({ id: 2, v: 0 });
        });
        const undone = trx.transaction((inner) => inner<Row>('t').insert({ id: 1, v: 0 }));
        await expect(undone).rejects.toMatchObject({ code: '23505' });
        await trx.commit();
        const other = await db.transaction({ isolationLevel: 'read committed', readOnly: true });
        await other<Row>('t').insert({ id: 3, v: 0 });
        await other.rollback();
        await db<Row>('t').insert({ id: 4, v: 0 });
      });

      expect(await ids()).toEqual([1, 2, 4]);
    });

    it('keeps transactions at the same time apart, and commits nothing that one would undo', async () => {
      await runtime.manager.run(async () => {
        await Promise.all(
          [1, 2].map((id) => db.transaction((trx) => trx<Row>('t').insert({ id, v: 0 }))),
        );
      });
      expect(await ids()).toEqual([1, 2]);

      const call = runtime.manager.run(async () => {
        await Promise.allSettled([
          db.transaction(async (trx) => {
            await trx<Row>('t').insert({ id: 3, v: 0 });
            throw new Error('failed');
          }),
          db<Row>('t').insert({ id: 4, v: 0 }),
          db<Row>('t').insert({ id: 5, v: 0 }),
        ]);
      });
      await expect(call).rejects.toMatchObject({ cause: expect.any(ParticipantUsageError) });
      expect(await ids()).toEqual([1, 2]);
    });

    it('leaves the Knex that it was given as it was, and tells the listeners of both', async () => {
      const seen: string[] = [];
      scene.knex.on('query', ({ sql }: { sql: string }) => seen.push(`own ${sql}`));
      db.on('query', ({ sql }: { sql: string }) => seen.push(`bound ${sql}`));
      const call = runtime.manager.run(async () => {
        await scene.knex('t').insert({ id: 1, v: 0 });
        await db.raw('SELECT 1');
        throw new Error('failed');
      });

      await expect(call).rejects.toThrow('failed');
      expect(await ids()).toEqual([1]);
      expect(seen.filter((one) => one.endsWith('SELECT 1'))).toEqual([
        'own SELECT 1',
        'bound SELECT 1',
      ]);
    });

    it('gives a connection that was cut off to nobody', async () => {
      const call = runtime.manager.run(async () => {
        const { rows } = await db.raw('SELECT pg_backend_pid() AS pid');
        await own.raw('SELECT pg_terminate_backend(?)', [rows[0].pid]);
        await db('t').insert({ id: 1, v: 0 });
      });

      await expect(call).rejects.toThrow(/terminat|connection/i);
      expect(scene.inUse()).toBe(0);
      expect(await db('t').select()).toEqual([]);
    });

    it('refuses a Knex of another client', () => {
      const other = knex({ client: 'sqlite3' });
      Object.assign(other.client, { driverName: 'sqlite3' });
      expect(() => new KnexParticipant({ name: 'other', knex: other })).toThrow(ModuleOptionsError);
    });
  });
});

describeMariaDb('KnexParticipant on MariaDB', () => {
  let server: MariaDbServer;
  let own: Knex;

  beforeAll(async () => {
    server = await MariaDbServer.start();
    own = knex({ client: 'mysql2', connection: { ...server.address() }, pool: { min: 0, max: 2 } });
    await own.raw(knexMigration('mysql'));
    await own.raw('CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL) ENGINE = InnoDB');
  });

  afterAll(async () => {
    await own.destroy();
    await server.stop();
  });

  beforeEach(async () => {
    await own('t').delete();
    await own('dtx_decision').delete();
  });

  function open(): KnexScene {
    const pool = { min: 0, max: 4 };
    const connection = { ...server.address() };
    return new KnexScene(knex({ client: 'mysql2', connection, pool }), own);
  }

  describeAdapter(() => Promise.resolve(open()), { readsLock: true });

  it('streams rows of the transaction, and ends a statement when its time is over', async () => {
    const scene = open();
    const runtime = await TestRuntime.open({ stores: { default: 'embedded' } }, [
      scene.participant,
    ]);
    const db = scene.participant.knex;
    await runtime.manager.run(async () => {
      await db('t').insert([1, 2, 3].map((id) => ({ id, v: 0 })));
      const seen: number[] = [];
      for await (const { id } of db<Row>('t').orderBy('id').stream()) seen.push(id as number);
      expect(seen).toEqual([1, 2, 3]);
      for await (const { seq } of db('seq_1_to_9000').stream()) if (seq === 2) break;
      expect(await scene.ids()).toEqual([1, 2, 3]);
    });
    const holder = await own.transaction();
    await holder<Row>('t').where({ id: 1 }).update({ v: 1 });
    const waiting = runtime.manager.run(() => scene.setValue(1, 2), { timeoutMs: 300 });
    await expect(waiting).rejects.toThrow(TransactionTimeoutError);
    await holder.commit();
    await poll(() => scene.inUse() === 0 || undefined, {
      deadlineMs: 5000,
      until: 'none is in use',
    });
    expect(await scene.valueOf(1)).toBe(1);
    await runtime.close();
    await scene.close();
  });
});
