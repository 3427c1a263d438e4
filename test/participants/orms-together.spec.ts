import { EntitySchema, MikroORM } from '@mikro-orm/postgresql';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { MikroOrmParticipant, mikroOrmMigration } from '../../lib/mikro-orm/index.js';
import { TypeOrmParticipant } from '../../lib/typeorm/index.js';
import { Account } from '../support/entities.js';
import { describePostgres, PostgresServer } from '../support/postgres-server.js';
import { TestRuntime } from '../support/test-runtime.js';
import { postgresOptions, RowSchema } from './typeorm-scene.js';

class Entry {
  id!: number;
}

const EntrySchema = new EntitySchema<Entry>({
  class: Entry,
  tableName: 't',
  properties: { id: { type: 'integer', primary: true } },
});

describePostgres('A transaction with two databases and the cache', () => {
  let server: PostgresServer;
  let dataSource: DataSource;
  let orm: MikroORM;
  let runtime: TestRuntime;

  beforeAll(async () => {
    server = await PostgresServer.start({ maxPreparedTransactions: 10 });
    for (const address of [server.address(), await server.createDatabase('other')]) {
      const client = new pg.Client(address);
      await client.connect();
      await client.query(`CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL DEFAULT 0)`);
      await client.query(mikroOrmMigration());
      await client.end();
    }
    dataSource = await new DataSource(postgresOptions(server)).initialize();
    const { database: dbName, ...address } = server.address('other');
    orm = await MikroORM.init({ ...address, dbName, entities: [EntrySchema] });
    runtime = await TestRuntime.open({ store: 'embedded' }, [
      new TypeOrmParticipant({ name: 'rows', dataSource }),
      new MikroOrmParticipant({ name: 'entries', orm }),
    ]);
  });

  afterAll(async () => {
    await runtime.close();
    await dataSource.destroy();
    await orm.close();
    await server.stop();
  });

  function writeAll(id: number): Promise<void> {
    return runtime.manager.run(async () => {
      await runtime.repository(Account).save({ id: `${id}`, balance: id, points: 0 });
      await dataSource.getRepository(RowSchema).insert({ id, v: 0 });
      orm.em.persist(orm.em.create(Entry, { id }));
    });
  }

  async function found(id: number): Promise<readonly boolean[]> {
    const account = await runtime.manager.run(() => runtime.repository(Account).findOne(`${id}`));
    const row = await dataSource.getRepository(RowSchema).findOneBy({ id });
    const entry = await orm.em.fork().findOne(Entry, { id });
    return [account, row, entry].map((one) => one !== null);
  }

  it('writes to all of them', async () => {
    await writeAll(1);

    expect(await found(1)).toEqual([true, true, true]);
  });

  it('writes to none of them when one fails at the very end', async () => {
    await orm.em.fork().insert(Entry, { id: 2 });

    await expect(writeAll(2)).rejects.toThrow(/duplicate key/);
    expect(await found(2)).toEqual([false, false, true]);
    expect(await dataSource.query('SELECT gid FROM pg_prepared_xacts')).toEqual([]);
  });
});
