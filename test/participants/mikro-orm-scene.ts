import { EntitySchema, MikroORM } from '@mikro-orm/postgresql';
import pg from 'pg';
import { MikroOrmParticipant, mikroOrmMigration } from '../../lib/mikro-orm/index.js';
import type { PostgresServer } from '../support/postgres-server.js';
import type { AdapterScene } from './adapter-suite.js';

export class Row {
  id!: number;
  v!: number;
}

const RowSchema = new EntitySchema<Row>({
  class: Row,
  tableName: 't',
  properties: { id: { type: 'integer', primary: true }, v: { type: 'integer' } },
});

export interface MikroOrmScene extends AdapterScene {
  readonly orm: MikroORM;
}

export async function openMikroOrm(server: PostgresServer): Promise<MikroOrmScene> {
  const own = new pg.Pool({ ...server.address(), max: 2 });
  own.on('error', () => undefined);
  await own.query('DROP TABLE IF EXISTS t, dtx_decision');
  await own.query(mikroOrmMigration());
  await own.query('CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL)');
  const orm = await connectMikroOrm(server);
  const { pool } = orm.em.getKnex().client as { pool: { numUsed(): number } };
  const rows = orm.em.getRepository(Row);
  return {
    orm,
    participant: new MikroOrmParticipant({ name: 'orders', orm }),
    insert: (id, v = 0) => rows.insert({ id, v }),
    ids: async () => {
      const found = await rows.findAll({ orderBy: { id: 'asc' }, disableIdentityMap: true });
      return found.map(({ id }) => id);
    },
    valueOf: async (id) => (await rows.findOneOrFail({ id }, { refresh: true })).v,
    setValue: async (id, v) => {
      const row = await rows.findOneOrFail({ id });
      row.v = v;
      await orm.em.flush();
    },
    transaction: (work) => orm.em.transactional(work),
    capture: () => {
      const em = orm.em.getContext();
      return () => em.find(Row, {});
    },
    inUse: () => pool.numUsed(),
    outside: async (sql) => (await own.query<Record<string, unknown>>(sql)).rows,
    close: async () => {
      await orm.close();
      await own.end();
    },
  };
}

export function connectMikroOrm(server: PostgresServer): Promise<MikroORM> {
  const { database: dbName, ...address } = server.address();
  return MikroORM.init({
    ...address,
    dbName,
    entities: [RowSchema],
    pool: { min: 0, max: 4 },
    allowGlobalContext: true,
  });
}
