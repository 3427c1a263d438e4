import type pg from 'pg';
import {
  ParticipantConflictError,
  ParticipantRefusedError,
  ParticipantUsageError,
} from '../../lib/errors/index.js';
import { Branch } from '../../lib/participants/branch.js';
import type { PgParticipant } from '../../lib/pg/index.js';
import { branchOf, copyOf, named, soon } from '../support/caught-branch.js';
import { PgScene } from '../support/pg-scene.js';
import { describePostgres, PostgresServer } from '../support/postgres-server.js';

describePostgres('the outcome of a branch of PgParticipant', () => {
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

  describe('a decision', () => {
    it('is written down with the commit', async () => {
      const branch = await scene.openBranch();
      await participant.decide(branch, soon());

      expect(await scene.ids()).toEqual([1]);
      const { rows } = await own.query('SELECT outcome FROM dtx_decision');
      expect(rows).toEqual([{ outcome: 'c' }]);
      expect(await participant.fence(copyOf(branch), soon())).toBe('committed');
      expect(own.idleCount).toBe(own.totalCount);
    });

    it('is refused after a fence, which nobody can take back', async () => {
      const branch = await scene.openBranch();
      expect(await participant.fence(copyOf(branch), soon())).toBe('rolled_back');

      await expect(participant.decide(branch, soon())).rejects.toThrow(ParticipantRefusedError);
      await participant.rollback(branch, soon());
      expect(await scene.ids()).toEqual([]);
      expect(await participant.fence(copyOf(branch), soon())).toBe('rolled_back');
    });

    it('is refused when it is later than the margin, by the clock of the database', async () => {
      const branch = named(
        await branchOf(scene.begin(), () => scene.insert(1)),
        Date.now() - 11_000,
      );

      await expect(participant.decide(branch, soon())).rejects.toThrow(ParticipantRefusedError);
      await participant.rollback(branch, soon());
      expect(await scene.ids()).toEqual([]);
    });

    it('that lost against another transaction is a conflict', async () => {
      await scene.insert(1);
      await scene.insert(2);
      const other = await own.connect();
      await other.query('BEGIN ISOLATION LEVEL SERIALIZABLE');
      await other.query('SELECT sum(v) FROM t');
      await other.query('UPDATE t SET v = 1 WHERE id = 2');
      const branch = await scene.openBranch(async () => {
        await participant.pool.query('SELECT sum(v) FROM t');
        await participant.pool.query('UPDATE t SET v = 1 WHERE id = 1');
      });
      await other.query('COMMIT');
      other.release();

      await expect(participant.decide(branch, soon())).rejects.toThrow(ParticipantConflictError);
      await participant.rollback(branch, soon());
    });

    it('is undecided as long as the transaction that may take it is open', async () => {
      const client = await own.connect();
      const branch = named(new Branch('orders', 1, undefined));
      const { cache, address } = branch.transaction;
      await client.query('BEGIN');
      await client.query('INSERT INTO dtx_decision VALUES ($1, $2, 0)', [
        `${cache}:${address.id}@${address.home}@${address.deadlineAtMs}`,
        'c',
      ]);

      await expect(participant.fence(branch, performance.now() + 200)).rejects.toThrow(
        /in time|lock timeout/,
      );
      await client.query('COMMIT');
      client.release();
      expect(await participant.fence(branch, soon())).toBe('committed');
    });

    it('is not taken where a statement failed that nobody reported', async () => {
      const branch = await scene.openBranch(async () => {
        await scene.insert(1);
        await participant.pool.query('BEGIN');
        await scene.insert(1).catch(() => undefined);
      });

      await expect(participant.decide(branch, soon())).rejects.toThrow(ParticipantUsageError);
    });
  });

  describe('a prepared branch', () => {
    it.each([true, false])('is committed, by its own process: %s', async (byItself) => {
      const branch = await scene.openBranch();
      await participant.prepare(branch, soon());
      const { id, home, deadlineAtMs } = branch.transaction.address;
      expect(await scene.prepared()).toEqual([
        `dtx:cacheofspec:${id}@${home}@${deadlineAtMs}:orders:1`,
      ]);
      expect(own.idleCount).toBe(own.totalCount);
      const one = byItself ? branch : copyOf(branch);
      await participant.commit(one, soon());
      await participant.commit(one, soon());

      expect(await scene.ids()).toEqual([1]);
      expect(await scene.prepared()).toEqual([]);
    });

    it.each([true, false])('is rolled back, by its own process: %s', async (byItself) => {
      const branch = await scene.openBranch();
      await participant.prepare(branch, soon());
      const one = byItself ? branch : copyOf(branch);
      await participant.rollback(one, soon());
      await participant.rollback(one, soon());

      expect(await scene.ids()).toEqual([]);
      expect(await scene.prepared()).toEqual([]);
    });

    it('is none where the transaction has failed: the answer ROLLBACK is no error', async () => {
      let client: pg.PoolClient | undefined;
      own.on('acquire', (acquired) => (client = acquired));
      const branch = await scene.openBranch();
      // A failure that the participant cannot have heard of.
      await client!.query('SELECT 1/0').catch(() => undefined);

      await expect(participant.prepare(branch, soon())).rejects.toThrow(ParticipantRefusedError);
      await participant.rollback(branch, soon());
      expect(await scene.prepared()).toEqual([]);
    });

    it('is finished by recovery as its transaction was decided, and nobody else is touched', async () => {
      const committed = await scene.openBranch(() => scene.insert(1));
      const rolledBack = await scene.openBranch(() => scene.insert(2));
      const undecided = await scene.openBranch(() => scene.insert(3));
      for (const branch of [committed, rolledBack, undecided]) {
        await participant.prepare(branch, soon());
      }
      const foreign = named(
        await branchOf(scene.begin(), () => scene.insert(4)),
        undefined,
        'othercache',
      );
      await participant.prepare(foreign, soon());
      const client = await own.connect();
      await client.query("BEGIN; INSERT INTO t VALUES (5, 5); PREPARE TRANSACTION 'dtx:x'");
      client.release();
      await participant.recover({
        cache: 'cacheofspec',
        until: soon(),
        outcomeOf: async ({ id }) => {
          if (id === committed.transaction.address.id) return 'committed';
          return id === rolledBack.transaction.address.id ? 'rolled_back' : 'undecided';
        },
        isPending: async () => false,
      });

      expect(await scene.ids()).toEqual([1]);
      expect((await scene.prepared()).length).toBe(3);
      await own.query("ROLLBACK PREPARED 'dtx:x'");
      await participant.rollback(undecided, soon());
      await participant.rollback(foreign, soon());
    });
  });

  describe('recovery', () => {
    it('deletes decisions of its cache that have expired and are not waited for', async () => {
      const address = (id: string): string => `${id}@3f@1000`;
      const rows = ['cacheofspec:old', 'cacheofspec:waited', 'othercache:old'];
      for (const id of rows) {
        await own.query('INSERT INTO dtx_decision VALUES ($1, $2, 5)', [address(id), 'c']);
      }
      const branch = await scene.openBranch();
      await participant.decide(branch, soon());
      await participant.recover({
        cache: 'cacheofspec',
        until: soon(),
        outcomeOf: async () => 'undecided',
        isPending: async ({ id }) => id === 'waited',
      });

      const { rows: left } = await own.query('SELECT id FROM dtx_decision WHERE expires_at = 5');
      expect(left).toEqual([
        { id: address('cacheofspec:waited') },
        { id: address('othercache:old') },
      ]);
      expect((await own.query('SELECT 1 FROM dtx_decision')).rowCount).toBe(3);
    });
  });
});
