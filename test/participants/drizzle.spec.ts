import { AsyncResource } from 'node:async_hooks';
import { asc, eq, relations } from 'drizzle-orm';
import * as mysqlCore from 'drizzle-orm/mysql-core';
import { drizzle as drizzleMysql, type MySql2Database } from 'drizzle-orm/mysql2';
import { drizzle as drizzlePg, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import * as pgCore from 'drizzle-orm/pg-core';
import mysql from 'mysql2/promise';
import pg from 'pg';
import {
  DrizzleMysqlParticipant,
  DrizzlePgParticipant,
  mysqlMigration,
  postgresMigration,
} from '../../lib/drizzle/index.js';
import { describeMariaDb, MariaDbServer } from '../support/mariadb-server.js';
import { describePostgres, PostgresServer } from '../support/postgres-server.js';
import { TestRuntime } from '../support/test-runtime.js';
import { describeAdapter, type AdapterScene } from './adapter-suite.js';
import { mysqlPool, pgPool, type PoolParts } from './pool-parts.js';

const t = pgCore.pgTable('t', {
  id: pgCore.integer().primaryKey(),
  v: pgCore.integer().notNull(),
});
const part = pgCore.pgTable('part', {
  id: pgCore.integer().primaryKey(),
  of: pgCore.integer().notNull(),
});
const partsOfT = relations(t, ({ many }) => ({ parts: many(part) }));
const tOfPart = relations(part, ({ one }) => ({
  whole: one(t, { fields: [part.of], references: [t.id] }),
}));
const schema = { t, part, partsOfT, tOfPart };

const m = mysqlCore.mysqlTable('t', {
  id: mysqlCore.int().primaryKey(),
  v: mysqlCore.int().notNull(),
});

describePostgres('DrizzlePgParticipant', () => {
  let server: PostgresServer;
  let own: pg.Pool;

  beforeAll(async () => {
    server = await PostgresServer.start();
    own = new pg.Pool({ ...server.address(), max: 2 });
    // The server may stop before its connections have ended.
    own.on('error', () => undefined);
    await own.query(postgresMigration());
    await own.query('CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL)');
    await own.query('CREATE TABLE part (id int PRIMARY KEY, of int NOT NULL)');
  });

  afterAll(async () => {
    await own.end();
    await server.stop();
  });

  async function create(): Promise<PoolParts & { readonly participant: PgDrizzle }> {
    await own.query('TRUNCATE t, part, dtx_decision');
    const { pool, parts } = pgPool(server, own);
    return { ...parts, participant: pgParticipant(pool) };
  }

  describeAdapter(async () => pgScene(await create()));

  it('has relational queries, nested transactions and prepared statements', async () => {
    const { participant, inUse, close } = await create();
    const { db } = participant;
    const runtime = await TestRuntime.open({ stores: { default: 'embedded' } }, [participant]);
    const prepared = db.select().from(t).orderBy(asc(t.id)).prepare('all_of_t');
    await runtime.manager.run(async () => {
      await db.insert(t).values({ id: 1, v: 0 });
      await db.transaction(
        async (tx) => {
          await tx.insert(part).values([1, 2].map((id) => ({ id, of: 1 })));
          const undone = tx.transaction((inner) => inner.insert(t).values({ id: 1, v: 0 }));
          await expect(undone).rejects.toMatchObject({ cause: { code: '23505' } });
        },
        { isolationLevel: 'read committed' },
      );
      expect(await db.query.t.findMany({ with: { parts: true } })).toEqual([
        { id: 1, v: 0, parts: [1, 2].map((id) => ({ id, of: 1 })) },
      ]);
      expect(await prepared.execute()).toEqual([{ id: 1, v: 0 }]);
      expect(inUse()).toBe(1);
      await db.transaction((tx) => tx.insert(t).values({ id: 2, v: 0 }));
      const rolledBack = db.transaction((tx) => tx.rollback());
      await expect(rolledBack).rejects.toThrow('Rollback');
    });
    expect(await prepared.execute()).toHaveLength(2);
    await runtime.close();
    await close();
  });

  it('runs a query in the transaction of the method that returns it', async () => {
    const { participant, close } = await create();
    const { db } = participant;
    const runtime = await TestRuntime.open({ stores: { default: 'embedded' } }, [participant]);
    const call = runtime.manager.run(async () => {
      await runtime.manager.run(
        () => db.insert(t).values({ id: 1, v: 0 }) as unknown as Promise<unknown>,
      );
      throw new Error('failed');
    });
    await expect(call).rejects.toThrow('failed');
    const returned = runtime.manager.run(
      () => db.insert(t).values({ id: 2, v: 0 }).returning() as unknown as Promise<unknown>,
    );
    expect(await returned).toEqual([{ id: 2, v: 0 }]);
    expect((await own.query('SELECT * FROM dtx_decision')).rowCount).toBe(1);
    await runtime.close();
    await close();
  });
});

describeMariaDb('DrizzleMysqlParticipant', () => {
  let server: MariaDbServer;
  let own: mysql.Pool;

  beforeAll(async () => {
    server = await MariaDbServer.start();
    own = mysql.createPool({ ...server.address(), connectionLimit: 2 });
    await own.query(mysqlMigration());
    await own.query('CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL) ENGINE = InnoDB');
  });

  afterAll(async () => {
    await own.end();
    await server.stop();
  });

  async function create(): Promise<PoolParts & { readonly participant: MysqlDrizzle }> {
    await own.query('DELETE FROM t');
    await own.query('DELETE FROM dtx_decision');
    const { pool, parts } = mysqlPool(server, own);
    return { ...parts, participant: mysqlParticipant(pool) };
  }

  describeAdapter(async () => mysqlScene(await create()), { readsLock: true });

  it('has relational queries, nested transactions and iterators', async () => {
    const { participant, inUse, close } = await create();
    const { db } = participant;
    const runtime = await TestRuntime.open({ stores: { default: 'embedded' } }, [participant]);
    await runtime.manager.run(async () => {
      await db.insert(m).values([1, 2].map((id) => ({ id, v: 0 })));
      await db.transaction((tx) => tx.insert(m).values({ id: 3, v: 0 }), {
        isolationLevel: 'read committed',
      });
      expect(await db.query.m.findFirst({ where: eq(m.id, 3) })).toEqual({ id: 3, v: 0 });
      const seen: number[] = [];
      for await (const { id } of db.select().from(m).orderBy(asc(m.id)).iterator()) seen.push(id);
      expect(seen).toEqual([1, 2, 3]);
      expect(inUse()).toBe(1);
      await db.insert(m).values({ id: 4, v: 0 });
    });
    expect(await db.$count(m)).toBe(4);
    await runtime.close();
    await close();
  });
});

type PgDatabase = NodePgDatabase<typeof schema>;
type PgDrizzle = DrizzlePgParticipant<PgDatabase>;
type MysqlDatabase = MySql2Database<{ m: typeof m }>;
type MysqlDrizzle = DrizzleMysqlParticipant<MysqlDatabase>;

function pgParticipant(pool: pg.Pool): PgDrizzle {
  const drizzle = (bound: pg.Pool): PgDatabase => drizzlePg(bound, { schema });
  return new DrizzlePgParticipant({ name: 'orders', pool, drizzle });
}

function mysqlParticipant(pool: mysql.Pool): MysqlDrizzle {
  const drizzle = (bound: mysql.Pool): MysqlDatabase =>
    drizzleMysql(bound, { schema: { m }, mode: 'default' });
  return new DrizzleMysqlParticipant({ name: 'orders', pool, drizzle });
}

type Inner = Pick<PgDatabase, 'insert' | 'select' | 'update'>;
type InnerOfMysql = Pick<MysqlDatabase, 'insert' | 'select' | 'update'>;

function pgScene({
  participant,
  ...parts
}: PoolParts & { readonly participant: PgDrizzle }): AdapterScene {
  const { db } = participant;
  let inner: Inner = db;
  const ids = async (): Promise<number[]> =>
    (await inner.select().from(t).orderBy(asc(t.id))).map(({ id }) => id);
  return {
    ...parts,
    participant,
    ids,
    insert: async (id, v = 0) => inner.insert(t).values({ id, v }),
    valueOf: async (id) => (await inner.select().from(t).where(eq(t.id, id)))[0]!.v,
    setValue: (id, v) => unwrapped(inner.update(t).set({ v }).where(eq(t.id, id))),
    transaction: (work) =>
      db.transaction(async (tx) => {
        inner = tx;
        await work().finally(() => (inner = db));
      }),
    capture: () => AsyncResource.bind(() => unwrapped(ids())),
  };
}

function mysqlScene({
  participant,
  ...parts
}: PoolParts & { readonly participant: MysqlDrizzle }): AdapterScene {
  const { db } = participant;
  let inner: InnerOfMysql = db;
  const ids = async (): Promise<number[]> =>
    (await inner.select().from(m).orderBy(asc(m.id))).map(({ id }) => id);
  return {
    ...parts,
    participant,
    ids,
    insert: async (id, v = 0) => inner.insert(m).values({ id, v }),
    valueOf: async (id) => (await inner.select().from(m).where(eq(m.id, id)))[0]!.v,
    setValue: (id, v) => unwrapped(inner.update(m).set({ v }).where(eq(m.id, id))),
    transaction: (work) =>
      db.transaction(async (tx) => {
        inner = tx;
        await work().finally(() => (inner = db));
      }),
    capture: () => AsyncResource.bind(() => unwrapped(ids())),
  };
}

/** Drizzle says of every error which query it was. */
async function unwrapped<T>(result: PromiseLike<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    throw (error as Error).cause;
  }
}
