import { createPool } from 'mysql2/promise';
import pg from 'pg';
import { DistributedTxRuntime } from '../../lib/module/distributed-tx.runtime.js';
import { RepositoryFactory } from '../../lib/module/repository-factory.js';
import { TccFactory } from '../../lib/module/tcc-factory.js';
import { MysqlParticipant } from '../../lib/mysql/index.js';
import { PgParticipant } from '../../lib/pg/index.js';
import { describeParticipant } from '../../lib/testing/participant-contract/describe-participant.js';
import { describeMariaDb, MariaDbServer } from '../support/mariadb-server.js';
import { describePostgres, PostgresServer } from '../support/postgres-server.js';

const DECIDES = { decides: true, prepares: false };
const PREPARES = { decides: false, prepares: true };

describePostgres('PostgreSQL', () => {
  describe.each([
    [10, { decides: true, prepares: true }],
    [0, DECIDES],
  ] as const)('with max_prepared_transactions %i', (maxPreparedTransactions, can) => {
    let server: PostgresServer;

    beforeAll(async () => {
      server = await PostgresServer.start({ maxPreparedTransactions });
    });

    afterAll(() => server.stop());

    describeParticipant('PgParticipant', can, async () => {
      const pools = [1, 2].map(() => new pg.Pool({ ...server.address(), max: 2 }));
      const [participant, other] = pools.map((pool) => new PgParticipant({ name: 'orders', pool }));
      const [own] = pools;
      await own!.query(
        `${participant!.migration()}; DROP TABLE IF EXISTS t; CREATE TABLE t (n int)`,
      );
      return {
        participant: participant!,
        other: other!,
        work: async () => void (await participant!.pool.query('INSERT INTO t VALUES (1)')),
        count: async () => (await own!.query('SELECT n FROM t')).rowCount ?? 0,
        close: async () => void (await Promise.all(pools.map((pool) => pool.end()))),
      };
    });
  });
});

describeMariaDb('MariaDB', () => {
  let server: MariaDbServer;

  beforeAll(async () => {
    server = await MariaDbServer.start();
  });

  afterAll(() => server.stop());

  describe.each([
    ['by its own commit', false, DECIDES],
    ['by XA', true, PREPARES],
  ] as const)('%s', (_, xa, can) => {
    describeParticipant('MysqlParticipant', can, async () => {
      const pools = [1, 2].map(() => createPool({ ...server.address(), connectionLimit: 2 }));
      const [participant, other] = pools.map(
        (pool) => new MysqlParticipant({ name: 'orders', pool, xa }),
      );
      const [own] = pools;
      await own!.query(participant!.migration());
      await own!.query('CREATE OR REPLACE TABLE t (n int)');
      return {
        participant: participant!,
        other: other!,
        work: async () => void (await participant!.pool.query('INSERT INTO t VALUES (1)')),
        count: async () => ((await own!.query('SELECT n FROM t'))[0] as unknown[]).length,
        close: async () => void (await Promise.all(pools.map((pool) => pool.end()))),
      };
    });
  });
});

describe.each([false, true])('a provider of the application, external: %s', (external) => {
  describeParticipant('TccParticipant', PREPARES, async () => {
    const runtime = await new DistributedTxRuntime({ store: 'embedded' }).open();
    const factory = new TccFactory(runtime, new RepositoryFactory(runtime));
    let done = 0;
    const methods = {
      prepare: () => Promise.resolve(),
      commit: () => Promise.resolve(void done++),
      rollback: () => Promise.resolve(),
    };
    const definition = { name: 'payments', external };
    return {
      participant: factory.create(definition, methods),
      other: factory.create(definition, methods),
      work: async (transaction) => void transaction.enlist('payments'),
      count: () => Promise.resolve(done),
      close: () => runtime.close(),
    };
  });
});
