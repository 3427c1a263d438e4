import pg from 'pg';
import { ParticipantRefusedError, ParticipantUsageError } from '../../lib/errors/index.js';
import { PgParticipant, postgresMigration } from '../../lib/pg/index.js';
import { describePostgres, describeRedis } from '../support/describe-server.js';
import { errorOf } from '../support/outcome.js';
import { poll } from '../support/poll.js';
import { PostgresServer } from '../support/postgres-server.js';
import { RedisServer } from '../support/redis-server.js';
import { TestRuntime } from '../support/test-runtime.js';

describeRedis('a server that lets transactions', () => {
  describePostgres('of PostgreSQL', () => {
    describe('be prepared', () => {
      let redis: RedisServer;

      beforeAll(async () => {
        redis = await RedisServer.start();
      });

      afterAll(() => redis.stop());

      async function openTwo(server: PostgresServer) {
        const pools: pg.Pool[] = [];
        const participants: PgParticipant[] = [];
        for (const name of ['one', 'two']) {
          const pool = new pg.Pool(await server.createDatabase(name));
          await pool.query(`${postgresMigration()} CREATE TABLE t (id int)`);
          pools.push(pool);
          participants.push(new PgParticipant({ name, pool }));
        }
        const runtime = await TestRuntime.open({ redis: redis.url }, participants);
        const insert = (id: number): Promise<void> =>
          runtime.manager.run(
            async () => {
              for (const { pool } of participants)
                await pool.query('INSERT INTO t VALUES ($1)', [id]);
            },
            { timeoutMs: 1500 },
          );
        const ids = async (): Promise<number[]> => {
          const found = await Promise.all(pools.map((pool) => pool.query('SELECT id FROM t')));
          return found.flatMap(({ rows }) => rows.map((row) => row.id as number));
        };
        const close = async (): Promise<void> => {
          await runtime.close();
          await Promise.all(pools.map((pool) => pool.end()));
        };
        return { insert, ids, close, pools };
      }

      it('never refuses two of them before anything is written', async () => {
        const server = await PostgresServer.start({ maxPreparedTransactions: 0 });
        const two = await openTwo(server);

        const before = await redis.command('KEYS', '*');
        const error = await errorOf(two.insert(1));
        expect(error).toBeInstanceOf(ParticipantUsageError);
        expect(error.message).toMatch(/max_prepared_transactions/);
        expect(await two.ids()).toEqual([]);
        expect(await redis.command('KEYS', '*')).toEqual(before);
        await two.close();
        await server.stop();
      });

      it('no more of them for now refuses by a typed error, and can again later', async () => {
        const server = await PostgresServer.start({ maxPreparedTransactions: 1 });
        const two = await openTwo(server);
        await server.query(`BEGIN; CREATE TABLE x (); PREPARE TRANSACTION 'somebody'`, 'two');

        const error = await errorOf(two.insert(1));
        expect(error).toBeInstanceOf(ParticipantRefusedError);
        expect(error.message).toMatch(/maximum number of prepared transactions/);
        expect(await two.ids()).toEqual([]);
        await server.query(`ROLLBACK PREPARED 'somebody'`, 'two');
        await two.insert(2);
        const seen = await poll(
          async () => {
            const found = await two.ids();
            return found.length === 2 ? found : undefined;
          },
          { deadlineMs: 3000, until: 'both are committed' },
        );
        expect(seen).toEqual([2, 2]);
        await two.close();
        await server.stop();
      });
    });
  });
});
