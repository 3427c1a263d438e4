import { AsyncResource } from 'node:async_hooks';
import type { Kysely, Transaction } from 'kysely';
import { sql } from 'kysely';
import mysql from 'mysql2/promise';
import pg from 'pg';
import {
  KyselyMysqlParticipant,
  KyselyPgParticipant,
  mysqlMigration,
  postgresMigration,
} from '../../lib/kysely/index.js';
import { describeMariaDb, MariaDbServer } from '../support/mariadb-server.js';
import { describePostgres, PostgresServer } from '../support/postgres-server.js';
import { TestRuntime } from '../support/test-runtime.js';
import { describeAdapter, type AdapterScene } from './adapter-suite.js';
import { mysqlPool, pgPool, type PoolParts } from './pool-parts.js';

interface Database {
  t: { id: number; v: number };
}

type Participant = KyselyPgParticipant<Database> | KyselyMysqlParticipant<Database>;

describePostgres('KyselyPgParticipant', () => {
  let server: PostgresServer;
  let own: pg.Pool;

  beforeAll(async () => {
    server = await PostgresServer.start();
    own = new pg.Pool({ ...server.address(), max: 2 });
    // The server may stop before its connections have ended.
    own.on('error', () => undefined);
    await own.query(postgresMigration());
    await own.query('CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL)');
  });

  afterAll(async () => {
    await own.end();
    await server.stop();
  });

  async function open(): Promise<KyselyScene> {
    await own.query('TRUNCATE t, dtx_decision');
    const { pool, parts } = pgPool(server, own);
    return new KyselyScene(new KyselyPgParticipant({ name: 'orders', pool }), parts);
  }

  describeAdapter(open);

  describeTransactions(open);
});

describeMariaDb('KyselyMysqlParticipant', () => {
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

  async function open(): Promise<KyselyScene> {
    await own.query('DELETE FROM t');
    await own.query('DELETE FROM dtx_decision');
    const { pool, parts } = mysqlPool(server, own);
    return new KyselyScene(new KyselyMysqlParticipant({ name: 'orders', pool }), parts);
  }

  describeAdapter(open, { readsLock: true });

  describeTransactions(open);

  it('streams rows of the transaction', async () => {
    const scene = await open();
    const runtime = await TestRuntime.open({ stores: { default: 'embedded' } }, [
      scene.participant,
    ]);
    await runtime.manager.run(async () => {
      await Promise.all([1, 2, 3].map((id) => scene.insert(id)));
      const seen: number[] = [];
      const rows = scene.participant.db.selectFrom('t').select('id').orderBy('id').stream();
      for await (const { id } of rows) seen.push(id);
      expect(seen).toEqual([1, 2, 3]);
      const many = sql<{ seq: number }>`seq_1_to_9000`.as('many');
      const stream = scene.participant.db.selectFrom(many).select('seq').stream();
      for await (const { seq } of stream) if (seq === 2) break;
      await scene.insert(4);
    });
    expect(await scene.ids()).toEqual([1, 2, 3, 4]);
    await runtime.close();
    await scene.close();
  });
});

/** Those of kysely itself. */
function describeTransactions(open: () => Promise<KyselyScene>): void {
  describe('transactions of kysely in another one', () => {
    let scene: KyselyScene;
    let runtime: TestRuntime;
    let db: Kysely<Database>;

    beforeEach(async () => {
      scene = await open();
      ({ db } = scene.participant);
      runtime = await TestRuntime.open({ stores: { default: 'embedded' } }, [scene.participant]);
    });

    afterEach(async () => {
      await runtime.close();
      await scene.close();
    });

    it('nest with an isolation that means nothing there, and with savepoints', async () => {
      await runtime.manager.run(async () => {
        await db
          .transaction()
          .setIsolationLevel('read committed')
          .execute((trx) => insertInto(trx, 1));
        const controlled = await db.startTransaction().execute();
        await insertInto(controlled, 2);
        const saved = await controlled.savepoint('one').execute();
        await insertInto(saved, 3);
        await expect(insertInto(saved, 1)).rejects.toMatchObject({
          code: expect.stringMatching(/23505|ER_DUP_ENTRY/),
        });
        await (await saved.rollbackToSavepoint('one').execute()).commit().execute();
        expect(await scene.ids()).toEqual([1, 2]);
      });

      expect(await scene.ids()).toEqual([1, 2]);
    });

    it('run at the same time, and raw statements with them', async () => {
      await runtime.manager.run(async () => {
        await Promise.all([
          db.transaction().execute((trx) => insertInto(trx, 1)),
          db.transaction().execute((trx) => insertInto(trx, 2)),
          sql`INSERT INTO t (id, v) VALUES (${3}, 0)`.execute(db),
        ]);
        expect(scene.inUse()).toBe(1);
      });

      expect(await scene.ids()).toEqual([1, 2, 3]);
    });

    it('reserve the connection of the transaction by connection()', async () => {
      const call = runtime.manager.run(async () => {
        await db.connection().execute((reserved) => insertInto(reserved, 1));
        throw new Error('failed');
      });

      await expect(call).rejects.toThrow('failed');
      expect(await scene.ids()).toEqual([]);
    });
  });
}

async function insertInto(db: Kysely<Database>, id: number): Promise<void> {
  await db.insertInto('t').values({ id, v: 0 }).execute();
}

class KyselyScene implements AdapterScene {
  readonly inUse: AdapterScene['inUse'];
  readonly outside: AdapterScene['outside'];
  readonly close: AdapterScene['close'];
  #transaction: Transaction<Database> | undefined;

  constructor(
    readonly participant: Participant,
    { inUse, outside, close }: PoolParts,
  ) {
    this.inUse = inUse;
    this.outside = outside;
    this.close = close;
  }

  get #db(): Kysely<Database> {
    return this.#transaction ?? this.participant.db;
  }

  readonly insert = async (id: number, v = 0): Promise<void> => {
    await this.#db.insertInto('t').values({ id, v }).execute();
  };

  readonly ids = async (): Promise<number[]> => {
    const rows = await this.#db.selectFrom('t').select('id').orderBy('id').execute();
    return rows.map(({ id }) => id);
  };

  readonly valueOf = async (id: number): Promise<number> => {
    const query = this.#db.selectFrom('t').select('v').where('id', '=', id);
    return (await query.executeTakeFirstOrThrow()).v;
  };

  readonly setValue = (id: number, v: number): Promise<unknown> =>
    this.#db.updateTable('t').set({ v }).where('id', '=', id).execute();

  readonly transaction = (work: () => Promise<void>): Promise<unknown> =>
    this.participant.db.transaction().execute(async (transaction) => {
      this.#transaction = transaction;
      await work().finally(() => (this.#transaction = undefined));
    });

  readonly capture = (): (() => Promise<unknown>) => AsyncResource.bind(() => this.ids());
}
