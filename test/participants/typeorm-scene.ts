import { createPool } from 'mysql2/promise';
import pg from 'pg';
import { DataSource, EntitySchema, type DataSourceOptions, type Repository } from 'typeorm';
import { TypeOrmParticipant, typeOrmMigration } from '../../lib/typeorm/index.js';
import type { MariaDbServer } from '../support/mariadb-server.js';
import type { PostgresServer } from '../support/postgres-server.js';
import type { AdapterScene } from './adapter-suite.js';

export interface Row {
  id: number;
  v: number;
}

export const RowSchema = new EntitySchema<Row>({
  name: 't',
  columns: { id: { type: 'int', primary: true }, v: { type: 'int' } },
});

export interface TypeOrmScene extends AdapterScene {
  readonly dataSource: DataSource;
  readonly rows: Repository<Row>;
}

const CREATE = [
  'DROP TABLE IF EXISTS t, dtx_decision',
  'CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL)',
];

export function postgresOptions(server: PostgresServer): DataSourceOptions {
  const { user: username, ...address } = server.address();
  return { ...address, username, type: 'postgres', poolSize: 4, entities: [RowSchema] };
}

export async function openPostgres(server: PostgresServer): Promise<TypeOrmScene> {
  const own = new pg.Pool({ ...server.address(), max: 2 });
  // The server may stop before it has said goodbye to all of them.
  own.on('error', () => undefined);
  for (const sql of [...CREATE, typeOrmMigration('postgres')]) await own.query(sql);
  const dataSource = await new DataSource(postgresOptions(server)).initialize();
  const { master } = dataSource.driver as unknown as { master: pg.Pool };
  return sceneOf(dataSource, {
    inUse: () => master.totalCount - master.idleCount,
    outside: async (sql) => (await own.query<Record<string, unknown>>(sql)).rows,
    end: () => own.end(),
  });
}

export async function openMariaDb(server: MariaDbServer): Promise<TypeOrmScene> {
  const { user: username, ...address } = server.address();
  const own = createPool(server.address());
  for (const sql of [...CREATE, typeOrmMigration('mariadb')]) await own.query(sql);
  const options = { ...address, username, type: 'mariadb', poolSize: 4, entities: [RowSchema] };
  const dataSource = await new DataSource(options as DataSourceOptions).initialize();
  const { pool } = dataSource.driver as unknown as {
    pool: Record<'_allConnections' | '_freeConnections', { readonly length: number }>;
  };
  return sceneOf(dataSource, {
    inUse: () => pool._allConnections.length - pool._freeConnections.length,
    outside: async (sql) => (await own.query(sql))[0] as Record<string, unknown>[],
    end: () => own.end(),
  });
}

function sceneOf(
  dataSource: DataSource,
  database: Pick<AdapterScene, 'inUse' | 'outside'> & { end(): Promise<void> },
): TypeOrmScene {
  const rows = dataSource.getRepository(RowSchema);
  return {
    ...database,
    dataSource,
    rows,
    participant: new TypeOrmParticipant({ name: 'orders', dataSource }),
    insert: (id, v = 0) => rows.insert({ id, v }),
    ids: async () => (await rows.find({ order: { id: 'ASC' } })).map(({ id }) => id),
    valueOf: async (id) => (await rows.findOneByOrFail({ id })).v,
    setValue: (id, v) => rows.save({ id, v }),
    transaction: (work) => dataSource.transaction(work),
    capture: () => {
      const runner = dataSource.createQueryRunner();
      return () => runner.manager.find(RowSchema);
    },
    close: async () => {
      await dataSource.destroy();
      await database.end();
    },
  };
}
