import type mysql from 'mysql2/promise';
import {
  ModuleOptionsError,
  ParticipantUnavailableError,
  ParticipantUsageError,
  TransactionClosedError,
} from '../../lib/errors/index.js';
import { MysqlParticipant } from '../../lib/mysql/index.js';
import { Propagation } from '../../lib/transaction/propagation.js';
import { describeMariaDb, MariaDbServer } from '../support/mariadb-server.js';
import { MysqlScene } from '../support/mysql-scene.js';
import { poll } from '../support/poll.js';
import { TestRuntime } from '../support/test-runtime.js';

const NESTED = { propagation: Propagation.NESTED };

describeMariaDb('MysqlParticipant', () => {
  let server: MariaDbServer;
  let scene: MysqlScene;
  let own: mysql.Pool;
  let participant: MysqlParticipant;

  beforeAll(async () => {
    server = await MariaDbServer.start();
  });

  afterAll(() => server.stop());

  beforeEach(async () => {
    scene = await MysqlScene.create(server);
    ({ own, participant } = scene);
  });

  afterEach(() => scene.close());

  describe('statements', () => {
    it('go to the pool outside of transactions', async () => {
      await scene.insert(1);
      const connection = await participant.pool.getConnection();
      await connection.query('INSERT INTO t VALUES (2, 2)');
      connection.release();

      expect(await scene.ids()).toEqual([1, 2]);
    });

    it('run on one connection that nobody sees into', async () => {
      const transaction = scene.begin();
      await transaction.run(async () => {
        await Promise.all([scene.insert(1), scene.insert(2), scene.insert(3)]);
        const [rows] = await participant.pool.query('SELECT count(*) AS n FROM t');
        expect(rows).toEqual([{ n: 3 }]);
      });
      await transaction.rollback();

      expect(await scene.ids()).toEqual([]);
    });

    it.each([
      [{}, 'SERIALIZABLE'],
      [{ isolation: 'read-committed' }, 'READ COMMITTED'],
    ] as const)('with the options %j run at %s', async (options, level) => {
      await scene.begin(options).run(async () => {
        await scene.insert(1);
        // The view is one that the server makes anew ten times a second at most.
        const ask = async (): Promise<unknown> => {
          const [[row]] = await participant.pool.query<mysql.RowDataPacket[]>(
            `SELECT trx_isolation_level AS level FROM information_schema.innodb_trx
              WHERE trx_mysql_thread_id = CONNECTION_ID()`,
          );
          return row?.['level'];
        };
        const seen = await poll(ask, { intervalMs: 150, deadlineMs: 2000, until: 'it is listed' });
        expect(seen).toBe(level);
      });
    });

    it('that write are refused by the database where the transaction only reads', async () => {
      const writing = scene.begin({ readOnly: true }).run(() => scene.insert(1));

      await expect(writing).rejects.toMatchObject({ errno: 1792 });
    });

    it('are refused after the end, on a connection that was kept as well', async () => {
      const transaction = scene.begin();
      const connection = await transaction.run(async () => {
        await scene.insert(1);
        return participant.pool.getConnection();
      });
      await transaction.rollback();

      await expect(connection.query('SELECT 1')).rejects.toThrow(TransactionClosedError);
    });

    it('that fail doom the transaction, of which the database would commit the rest', async () => {
      await scene.insert(1);
      const call = scene.runtime.manager.run(async () => {
        await scene.insert(2);
        await scene.insert(1).catch(() => undefined);
      });

      await expect(call).rejects.toMatchObject({ cause: expect.objectContaining({ errno: 1062 }) });
      expect(await scene.ids()).toEqual([1]);
    });

    it.each(['CREATE TABLE u (id int)', 'TRUNCATE t', 'lock tables t write', 'SET autocommit = 1'])(
      'that commit by themselves are refused: %s',
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

    it('after a deadlock are not sent: they would commit by themselves', async () => {
      await scene.insert(1);
      await scene.insert(2);
      const update = (id: number): Promise<unknown> =>
        participant.pool.query('UPDATE t SET v = v + 1 WHERE id = ?', [id]);
      const [one, two] = [scene.begin(), scene.begin()];
      await one.run(() => update(1));
      await two.run(() => update(2));
      const results = await Promise.allSettled([
        one.run(() => update(2)).then(() => one.rollback()),
        two.run(() => update(1)).then(() => two.rollback()),
      ]);
      const loser = results[0].status === 'rejected' ? one : two;

      expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(1);
      await expect(loser.run(() => scene.insert(3))).rejects.toThrow('in favour of another');
      expect(loser.conflict).toBeDefined();
      expect(await scene.ids()).toEqual([1, 2]);
    });

    it('wait no longer for a connection than the transaction may take', async () => {
      const taken = await Promise.all([1, 2, 3, 4].map(() => own.getConnection()));
      const call = scene.begin({ timeoutMs: 150 }).run(() => scene.insert(1));

      await expect(call).rejects.toThrow(ParticipantUnavailableError);
      for (const connection of taken) connection.release();
      expect(await scene.ids()).toEqual([]);
    });

    it('that wait for a lock end with their transaction', async () => {
      await scene.insert(1);
      const holder = scene.begin();
      await holder.run(() => participant.pool.query('UPDATE t SET v = 1 WHERE id = 1'));
      const waiting = scene.begin({ timeoutMs: 300 });
      const call = waiting.run(async () => {
        await scene.insert(2);
        await participant.pool.query('UPDATE t SET v = 2 WHERE id = 1');
      });
      await expect(call).rejects.toThrow('has ended');

      const left = (): Promise<string[]> =>
        server.query("SELECT id FROM information_schema.processlist WHERE info LIKE 'UPDATE t%'");
      await poll(async () => ((await left()).length === 0 ? true : undefined), {
        deadlineMs: 5000,
        until: 'nothing waits for the lock any more',
      });
      expect(await scene.ids()).toEqual([1]);
    });

    it('of a transaction that is cut off are refused, and the process lives', async () => {
      const transaction = scene.begin();
      await transaction.run(async () => {
        await scene.insert(1);
        const [rows] = await participant.pool.query<(mysql.RowDataPacket & { id: number })[]>(
          'SELECT CONNECTION_ID() AS id',
        );
        await server.query(`KILL ${rows[0]!.id}`);
        await expect(scene.insert(2)).rejects.toThrow(/closed|lost|killed/i);
        await expect(scene.insert(3)).rejects.toThrow(ParticipantUnavailableError);
      });
      await transaction.rollback();

      expect(await scene.ids()).toEqual([]);
    });
  });

  describe('nested methods', () => {
    it('are undone alone, whatever failed in them', async () => {
      const transaction = scene.begin();
      await transaction.run(async () => {
        await scene.insert(1);
        const nested = scene.runtime.manager.run(async () => {
          await scene.insert(2);
          await scene.insert(1);
        }, NESTED);
        await expect(nested).rejects.toMatchObject({ errno: 1062 });
        await scene.runtime.manager.run(() => scene.insert(3), NESTED);
        expect(await scene.seen()).toEqual([1, 3]);
      });

      expect(transaction.rollbackMarks.first()).toBeUndefined();
    });

    it('may be begun by hand', async () => {
      const transaction = scene.begin();
      await transaction.run(async () => {
        const connection = await participant.pool.getConnection();
        await connection.beginTransaction();
        await connection.execute('INSERT INTO t VALUES (1, 1)');
        await connection.commit();
        await connection.query('START TRANSACTION');
        await connection.execute('INSERT INTO t VALUES (2, 1)');
        await connection.rollback();
        connection.release();
        expect(await scene.seen()).toEqual([1]);
        await expect(connection.commit()).rejects.toThrow(ParticipantUsageError);
      });

      expect(await scene.ids()).toEqual([]);
    });
  });

  describe('the start', () => {
    it('says how to create the table that is missing', async () => {
      const lost = new MysqlParticipant({ name: 'lost', pool: own, table: 'no_such_table' });
      const opening = TestRuntime.open({ stores: { default: 'embedded' } }, [lost]);

      await expect(opening).rejects.toThrow(ModuleOptionsError);
      await expect(opening).rejects.toThrow('CREATE TABLE IF NOT EXISTS no_such_table');
    });
  });
});
