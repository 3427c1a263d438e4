import { Inject, Injectable, Module, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import knex from 'knex';
import pg from 'pg';
import { DistributedTxModule, Transactional } from '../../lib/index.js';
import { KnexParticipant } from '../../lib/knex/index.js';
import { KyselyPgParticipant } from '../../lib/kysely/index.js';
import { describePostgres, PostgresServer } from '../support/postgres-server.js';

interface Database {
  t: { id: number; v: number };
}

@Injectable()
class Rows {
  constructor(
    readonly byKnex: KnexParticipant,
    @Inject('KYSELY') readonly byKysely: KyselyPgParticipant<Database>,
  ) {}

  /** Gives the builder away as it is. */
  @Transactional()
  add(id: number): Promise<unknown> {
    return this.byKnex.knex('t').insert({ id, v: 0 }) as Promise<unknown>;
  }

  @Transactional()
  async addBoth(id: number, fail = false): Promise<void> {
    await this.add(id);
    await this.byKysely.db
      .insertInto('t')
      .values({ id: id + 1, v: 0 })
      .execute();
    if (fail) throw new Error('on purpose');
  }
}

describePostgres('participants of query builders in an application', () => {
  let server: PostgresServer;
  let app: INestApplicationContext;
  let rows: Rows;
  let pool: pg.Pool;
  const client = (): Parameters<typeof knex>[0] => ({
    client: 'pg',
    connection: { ...server.address() },
    pool: { min: 0, max: 4 },
  });

  beforeAll(async () => {
    server = await PostgresServer.start();
    pool = new pg.Pool({ ...server.address(), max: 4 });
    pool.on('error', () => undefined);
    const orders = new KnexParticipant({ name: 'orders', knex: knex(client()) });
    await pool.query(orders.migration());
    await pool.query('CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL)');

    @Module({
      imports: [DistributedTxModule.forRoot({ stores: { default: 'embedded' } })],
      providers: [
        Rows,
        { provide: KnexParticipant, useValue: orders },
        {
          provide: 'KYSELY',
          useFactory: () => new KyselyPgParticipant<Database>({ name: 'stock', pool }),
        },
      ],
    })
    class AppModule {}

    app = await NestFactory.createApplicationContext(AppModule, { logger: false });
    rows = app.get(Rows);
  });

  afterAll(async () => {
    const { byKnex } = rows;
    await app.close();
    await byKnex.knex.destroy();
    await pool.end();
    await server.stop();
  });

  async function ids(): Promise<number[]> {
    const { rows: found } = await pool.query<{ id: number }>('SELECT id FROM t ORDER BY id');
    return found.map(({ id }) => id);
  }

  it('commit what a method returned as a builder, with its decision', async () => {
    await rows.add(1);

    expect(await ids()).toEqual([1]);
    expect((await pool.query('SELECT id FROM dtx_decision')).rowCount).toBe(1);
  });

  it('commit and roll back two of them together', async () => {
    await rows.addBoth(10);
    await expect(rows.addBoth(20, true)).rejects.toThrow('on purpose');
    await expect(rows.addBoth(9)).rejects.toMatchObject({ code: '23505' });

    expect(await ids()).toEqual([1, 10, 11]);
  });
});
