import pg from 'pg';
import {
  ModuleOptionsError,
  ParticipantUnavailableError,
  ParticipantUsageError,
  TransactionClosedError,
} from '../../lib/errors/index.js';
import { PgParticipant } from '../../lib/pg/index.js';
import { Propagation } from '../../lib/transaction/propagation.js';
import { PgScene } from '../support/pg-scene.js';
import { describePostgres, PostgresServer } from '../support/postgres-server.js';
import { TestRuntime } from '../support/test-runtime.js';

const NESTED = { propagation: Propagation.NESTED };

describePostgres('PgParticipant', () => {
  let server: PostgresServer;
  let scene: PgScene;
  let own: pg.Pool;
  let participant: PgParticipant;

  beforeAll(async () => {
    server = await PostgresServer.start({ maxPreparedTransactions: 10 });
  });

  afterAll(() => server.stop());

  beforeEach(async () => {
    scene = await PgScene.create(server);
    ({ own, participant } = scene);
  });

  afterEach(() => scene.close());

  describe('statements', () => {
    it('go to the pool outside of transactions', async () => {
      await scene.insert(1);

      expect(await scene.ids()).toEqual([1]);
    });

    it('take no connection before the first, and run on one that nobody sees into', async () => {
      const transaction = scene.begin();
      await transaction.run(async () => {
        expect(own.totalCount - own.idleCount).toBe(0);
        await Promise.all([scene.insert(1), scene.insert(2), scene.insert(3)]);
        expect(own.totalCount - own.idleCount).toBe(1);
        const { rows } = await participant.pool.query('SELECT count(*)::int AS n FROM t');
        expect(rows).toEqual([{ n: 3 }]);
      });
      expect(await scene.ids()).toEqual([]);
      await transaction.rollback();

      expect(await scene.ids()).toEqual([]);
      expect(own.idleCount).toBe(own.totalCount);
    });

    it.each([
      [{}, 'serializable', 'off'],
      [{ isolation: 'read-committed' }, 'read committed', 'off'],
      [{ readOnly: true }, 'serializable', 'on'],
    ] as const)('with the options %j run at %s, read-only %s', async (options, level, readOnly) => {
      await scene.begin(options).run(async () => {
        const { rows } = await participant.pool.query(
          `SELECT current_setting('transaction_isolation') AS level,
                  current_setting('transaction_read_only') AS read_only`,
        );
        expect(rows).toEqual([{ level, read_only: readOnly }]);
      });
    });

    it('may be given a callback, a config, or be sent by a client of the pool', async () => {
      await scene.begin().run(async () => {
        await scene.insert(1);
        const byCallback = new Promise((resolve, reject) =>
          participant.pool.query('SELECT v FROM t WHERE id = $1', [1], (error, result) =>
            error ? reject(error) : resolve(result.rows),
          ),
        );
        expect(await byCallback).toEqual([{ v: 0 }]);
        const config = { text: 'SELECT v FROM t WHERE id = $1', values: [1], rowMode: 'array' };
        expect((await participant.pool.query(config as pg.QueryArrayConfig)).rows).toEqual([[0]]);
        const client = await participant.pool.connect();
        expect((await client.query('SELECT id FROM t')).rows).toEqual([{ id: 1 }]);
        client.release();
        client.release();
        const submitted = participant.pool.query(new pg.Query('SELECT id FROM t'));
        const rows: unknown[] = [];
        submitted.on('row', (row) => rows.push(row));
        await new Promise((resolve) => submitted.on('end', resolve));
        expect(rows).toEqual([{ id: 1 }]);
      });
      expect(own.idleCount).toBeLessThan(own.totalCount);
    });

    it('are refused after the end, on a client that was kept as well', async () => {
      const transaction = scene.begin();
      const client = await transaction.run(async () => {
        await scene.insert(1);
        return participant.pool.connect();
      });
      await transaction.rollback();

      await expect(client.query('SELECT 1')).rejects.toThrow(TransactionClosedError);
      await expect(transaction.run(() => scene.insert(2))).rejects.toThrow(TransactionClosedError);
    });

    it('that fail doom the transaction, whatever the method makes of it', async () => {
      await scene.insert(1);
      const call = scene.runtime.manager.run(async () => {
        await scene.insert(2);
        await scene.insert(1).catch(() => undefined);
      });

      await expect(call).rejects.toMatchObject({
        cause: expect.objectContaining({ code: '23505' }),
      });
      expect(await scene.ids()).toEqual([1]);
    });

    it('wait no longer for a connection than the transaction may take', async () => {
      const clients = await Promise.all([1, 2, 3, 4].map(() => own.connect()));
      const call = scene.begin({ timeoutMs: 150 }).run(() => scene.insert(1));

      await expect(call).rejects.toThrow(ParticipantUnavailableError);
      for (const client of clients) client.release();
      expect(await scene.ids()).toEqual([]);
      expect(own.waitingCount).toBe(0);
    });

    it('of a transaction that is cut off are refused, and the process lives', async () => {
      const transaction = scene.begin();
      await transaction.run(async () => {
        await scene.insert(1);
        const { rows } = await participant.pool.query<{ pid: number }>(
          'SELECT pg_backend_pid() AS pid',
        );
        await server.query(`SELECT pg_terminate_backend(${rows[0]!.pid})`);
        await expect(scene.insert(2)).rejects.toThrow(/terminat|closed|connection/i);
        await expect(scene.insert(3)).rejects.toThrow(ParticipantUnavailableError);
      });
      await transaction.rollback();

      expect(await scene.ids()).toEqual([]);
    });

    it('are refused in a transaction of an application that does not provide it', async () => {
      const stranger = new PgParticipant({ name: 'stranger', pool: own });

      await scene.begin().run(async () => {
        await expect(stranger.pool.query('SELECT 1')).rejects.toThrow(ParticipantUsageError);
      });
    });
  });

  describe('nested methods', () => {
    function nest(work: () => Promise<unknown>): Promise<unknown> {
      return scene.runtime.manager.run(work, NESTED);
    }

    function failing(...numbers: number[]): () => Promise<unknown> {
      return async () => {
        for (const id of numbers) await scene.insert(id);
        throw new Error('failed');
      };
    }

    it('are undone alone', async () => {
      await scene.begin().run(async () => {
        await scene.insert(1);
        await nest(failing(2, 3)).catch(() => undefined);
        await nest(() => scene.insert(4));
        await scene.insert(5);
        expect(await scene.seen()).toEqual([1, 4, 5]);
      });
    });

    it('are undone though a statement in them failed, and the transaction goes on', async () => {
      const transaction = scene.begin();
      await transaction.run(async () => {
        await scene.insert(1);
        await expect(nest(() => scene.insert(1))).rejects.toMatchObject({ code: '23505' });
        await scene.insert(2);
        expect(await scene.seen()).toEqual([1, 2]);
      });
      expect(transaction.rollbackMarks.first()).toBeUndefined();
    });

    it('are undone with those in them, the first statement being theirs', async () => {
      await scene.begin().run(async () => {
        await nest(async () => {
          await nest(() => scene.insert(1));
          await failing(2)();
        }).catch(() => undefined);
        expect(await scene.seen()).toEqual([]);
        await nest(async () => {
          await scene.insert(3);
          await nest(failing(4)).catch(() => undefined);
        });
        expect(await scene.seen()).toEqual([3]);
      });
    });

    it('doom everything when a statement around them would be undone with them', async () => {
      const transaction = scene.begin();
      await transaction.run(async () => {
        let goOn: () => void = () => undefined;
        const waiting = new Promise<void>((resolve) => (goOn = resolve));
        const nested = nest(async () => {
          await scene.insert(1);
          await waiting;
          throw new Error('failed');
        });
        await scene.insert(2);
        await scene.insert(3);
        goOn();
        await nested.catch(() => undefined);
      });

      expect(transaction.rollbackMarks.first()?.reason).toBeInstanceOf(ParticipantUsageError);
    });

    it('may run beside each other as long as none of them is undone', async () => {
      const transaction = scene.begin();
      await transaction.run(async () => {
        await Promise.all([
          nest(() => scene.insert(1)),
          nest(() => scene.insert(2)),
          scene.insert(3),
        ]);
        expect(await scene.seen()).toEqual([1, 2, 3]);
        await nest(failing(4)).catch(() => undefined);
        expect(await scene.seen()).toEqual([1, 2, 3]);
      });
      expect(transaction.rollbackMarks.first()).toBeUndefined();
    });
  });

  describe('transaction control by hand', () => {
    it('nests within the transaction', async () => {
      const transaction = scene.begin();
      await transaction.run(async () => {
        const client = await participant.pool.connect();
        await client.query('BEGIN');
        await client.query('INSERT INTO t VALUES (1, 1)');
        await client.query('COMMIT');
        await client.query('begin isolation level serializable');
        await client.query('INSERT INTO t VALUES (2, 1)');
        await expect(client.query('INSERT INTO t VALUES (1, 1)')).rejects.toThrow('duplicate key');
        await client.query('ROLLBACK');
        await client.query('SAVEPOINT mine');
        await client.query('INSERT INTO t VALUES (3, 1)');
        await client.query('ROLLBACK TO mine');
        const { rows } = await client.query('SELECT id FROM t');
        expect(rows).toEqual([{ id: 1 }]);
      });
      expect(transaction.rollbackMarks.first()).toBeUndefined();
      expect(await scene.ids()).toEqual([]);
    });

    it('of two clients at a time is kept apart', async () => {
      const transaction = scene.begin();
      await transaction.run(async () => {
        const [one, two] = [await participant.pool.connect(), await participant.pool.connect()];
        await one.query('BEGIN');
        await one.query('INSERT INTO t VALUES (1, 1)');
        await two.query('BEGIN');
        await two.query('INSERT INTO t VALUES (2, 1)');
        await one.query('COMMIT');
        await two.query('ROLLBACK');
        expect(await scene.seen()).toEqual([1]);
      });

      expect(transaction.rollbackMarks.first()).toBeUndefined();
    });

    it('is not disturbed by a client that only is taken', async () => {
      const transaction = scene.begin();
      await transaction.run(async () => {
        const one = await participant.pool.connect();
        await one.query('BEGIN');
        (await participant.pool.connect()).release();
        await one.query('ROLLBACK');
      });

      expect(transaction.rollbackMarks.first()).toBeUndefined();
    });

    it('of two clients at a time dooms what cannot be undone alone', async () => {
      const transaction = scene.begin();
      await transaction.run(async () => {
        const [one, two] = [await participant.pool.connect(), await participant.pool.connect()];
        await one.query('BEGIN');
        await two.query('BEGIN');
        await two.query('INSERT INTO t VALUES (2, 1)');
        await one.query('ROLLBACK');
      });

      expect(transaction.rollbackMarks.first()?.reason).toBeInstanceOf(ParticipantUsageError);
    });

    it.each(['COMMIT', 'ROLLBACK', 'END', 'select 1; commit', "PREPARE TRANSACTION 'x'"])(
      'refuses %s of the whole',
      async (statement) => {
        const transaction = scene.begin();
        await transaction.run(async () => {
          await scene.insert(1);
          await expect(participant.pool.query(statement)).rejects.toThrow(ParticipantUsageError);
        });
        expect(transaction.rollbackMarks.first()).toBeDefined();
        expect(await scene.ids()).toEqual([]);
      },
    );
  });

  describe('the start', () => {
    it('says how to create the table that is missing', async () => {
      const lost = new PgParticipant({ name: 'lost', pool: own, table: 'no_such_table' });
      const opening = TestRuntime.open({ stores: { default: 'embedded' } }, [lost]);

      await expect(opening).rejects.toThrow(ModuleOptionsError);
      await expect(opening).rejects.toThrow('CREATE TABLE IF NOT EXISTS no_such_table');
    });

    it('refuses a second application', async () => {
      const opening = TestRuntime.open({ stores: { default: 'embedded' } }, [participant]);

      await expect(opening).rejects.toThrow(ModuleOptionsError);
    });

    it('finds out whether the server lets transactions be prepared', () => {
      expect(participant.capabilities).toEqual({ decides: true, prepares: true });
    });
  });
});
