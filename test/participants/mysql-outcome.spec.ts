import mysql from 'mysql2/promise';
import { ParticipantRefusedError, ParticipantUnavailableError } from '../../lib/errors/index.js';
import { Branch } from '../../lib/participants/branch.js';
import { MysqlParticipant } from '../../lib/mysql/index.js';
import { copyOf, named, soon } from '../support/caught-branch.js';
import { describeMariaDb, MariaDbServer } from '../support/mariadb-server.js';
import { MysqlScene } from '../support/mysql-scene.js';

describeMariaDb('the outcome of a branch of MysqlParticipant', () => {
  let server: MariaDbServer;
  let scene: MysqlScene;
  let own: mysql.Pool;
  let participant: MysqlParticipant;

  beforeAll(async () => {
    server = await MariaDbServer.start();
  });

  afterAll(() => server.stop());

  afterEach(() => scene.close());

  async function open(options?: { readonly xa: boolean }): Promise<void> {
    scene = await MysqlScene.create(server, options);
    ({ own, participant } = scene);
  }

  describe('a decision', () => {
    beforeEach(() => open());

    it('is written down with the commit', async () => {
      const branch = await scene.openBranch();
      await participant.decide(branch, soon());

      expect(await scene.ids()).toEqual([1]);
      expect(await participant.fence(copyOf(branch), soon())).toBe('committed');
      const [rows] = await own.query('SELECT outcome FROM dtx_decision');
      expect(rows).toEqual([{ outcome: 'c' }]);
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
      const late = (branch: Branch): Branch => named(branch, Date.now() - 12_000);
      const branch = await scene.openBranch(undefined, late);

      await expect(participant.decide(branch, soon())).rejects.toThrow(ParticipantRefusedError);
      await participant.rollback(branch, soon());
      expect(await scene.ids()).toEqual([]);
    });

    it('is refused late even where the server is not strict', async () => {
      const late = (branch: Branch): Branch => named(branch, Date.now() - 12_000);
      const branch = await scene.openBranch(async () => {
        await participant.pool.query("SET SESSION sql_mode = ''");
        await scene.insert(1);
      }, late);

      await expect(participant.decide(branch, soon())).rejects.toThrow(ParticipantRefusedError);
      await participant.rollback(branch, soon());
      expect(await scene.ids()).toEqual([]);
    });

    it('is asked for on a connection whose settings stay as they were', async () => {
      await scene.close();
      scene = await MysqlScene.create(server, { connectionLimit: 1 });
      ({ own, participant } = scene);
      await own.query('SET innodb_lock_wait_timeout = 77');
      await participant.fence(named(new Branch('orders', 1, undefined)), soon());

      const [rows] = await own.query('SELECT @@innodb_lock_wait_timeout AS seconds');
      expect(rows).toEqual([{ seconds: 77 }]);
    });

    it('is undecided as long as the transaction that may take it is open', async () => {
      const connection = await own.getConnection();
      const branch = named(new Branch('orders', 1, undefined));
      const { cache, address } = branch.transaction;
      await connection.beginTransaction();
      await connection.query('INSERT INTO dtx_decision VALUES (?, ?, 0)', [
        `${cache}:${address.id}@${address.home}@${address.deadlineAtMs}`,
        'c',
      ]);

      await expect(participant.fence(branch, performance.now() + 300)).rejects.toThrow(
        /in time|Lock wait/,
      );
      await connection.commit();
      connection.release();
      expect(await participant.fence(branch, soon())).toBe('committed');
    });
  });

  describe('an XA branch', () => {
    beforeEach(() => open({ xa: true }));

    it('never decides, and needs no table for it', () => {
      expect(participant.capabilities).toEqual({ decides: false, prepares: true });
    });

    it.each([true, false])('is committed, by its own process: %s', async (byItself) => {
      const { branch, kill } = await openKillable(1);
      await participant.prepare(branch, soon());
      expect(await scene.prepared()).toHaveLength(1);
      if (!byItself) await kill();
      const one = byItself ? branch : copyOf(branch);
      await participant.commit(one, soon());
      await participant.commit(one, soon());

      expect(await scene.ids()).toEqual([1]);
      expect(await scene.prepared()).toEqual([]);
    });

    it.each([true, false])('is rolled back, prepared: %s', async (isPrepared) => {
      const branch = await scene.openBranch();
      if (isPrepared) await participant.prepare(branch, soon());
      await participant.rollback(branch, soon());
      await participant.rollback(copyOf(branch), soon());

      expect(await scene.ids()).toEqual([]);
      expect(await scene.prepared()).toEqual([]);
    });

    it.each(['commit', 'rollback'] as const)(
      'that a living connection holds is not taken for finished by the %s of another process',
      async (outcome) => {
        const branch = await scene.openBranch();
        await participant.prepare(branch, soon());
        const other = await anotherProcess();

        await expect(other.participant[outcome](copyOf(branch), soon())).rejects.toThrow(
          ParticipantUnavailableError,
        );
        await other.close();
        await participant[outcome](branch, soon());
        expect(await scene.prepared()).toEqual([]);
        expect(await scene.ids()).toEqual(outcome === 'commit' ? [1] : []);
      },
    );

    it('keeps savepoints of nested methods', async () => {
      const branch = await scene.openBranch(async () => {
        await scene.insert(1);
        await participant.pool.query('START TRANSACTION');
        await scene.insert(2);
        await participant.pool.query('ROLLBACK');
      });
      await participant.prepare(branch, soon());
      await participant.commit(branch, soon());

      expect(await scene.ids()).toEqual([1]);
    });

    it('is finished by recovery as its transaction was decided, and nobody else is touched', async () => {
      const gone = [await openKillable(1), await openKillable(2), await openKillable(3)] as const;
      const [committed, rolledBack, undecided] = gone.map(({ branch }) => branch) as [
        Branch,
        Branch,
        Branch,
      ];
      for (const { branch, kill } of gone) {
        await participant.prepare(branch, soon());
        await kill();
      }
      const stranger = await own.getConnection();
      for (const statement of ["XA START 'x'", "XA END 'x'", "XA PREPARE 'x'"]) {
        await stranger.query(statement);
      }
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
      expect(await scene.prepared()).toHaveLength(2);
      await stranger.query("XA ROLLBACK 'x'");
      stranger.release();
      await participant.rollback(copyOf(undecided), soon());
    });

    async function anotherProcess(): Promise<{
      participant: MysqlParticipant;
      close: () => Promise<void>;
    }> {
      const pool = mysql.createPool({ ...server.address(), connectionLimit: 1 });
      const stranger = new MysqlParticipant({ name: 'orders', pool, xa: true });
      return { participant: stranger, close: () => pool.end() };
    }

    /** A branch whose process is gone once `kill` was called: its connection is cut off. */
    async function openKillable(
      id: number,
    ): Promise<{ branch: Branch; kill: () => Promise<void> }> {
      let connectionId = 0;
      const branch = await scene.openBranch(async () => {
        await scene.insert(id);
        const [rows] = await participant.pool.query<(mysql.RowDataPacket & { id: number })[]>(
          'SELECT CONNECTION_ID() AS id',
        );
        connectionId = rows[0]!.id;
      });
      return { branch, kill: async () => void (await server.query(`KILL ${connectionId}`)) };
    }
  });

  describe('recovery', () => {
    beforeEach(() => open());

    it('deletes decisions of its cache that have expired and are not waited for', async () => {
      for (const id of ['cacheofspec:old', 'cacheofspec:waited', 'othercache:old']) {
        await own.query('INSERT INTO dtx_decision VALUES (?, ?, 5)', [`${id}@3f@1000`, 'c']);
      }
      const branch = await scene.openBranch();
      await participant.decide(branch, soon());
      await participant.recover({
        cache: 'cacheofspec',
        until: soon(),
        outcomeOf: async () => 'undecided',
        isPending: async ({ id }) => id === 'waited',
      });

      const [left] = await own.query(
        'SELECT id FROM dtx_decision WHERE expires_at = 5 ORDER BY id',
      );
      expect(left).toEqual([
        { id: 'cacheofspec:waited@3f@1000' },
        { id: 'othercache:old@3f@1000' },
      ]);
      const [all] = await own.query('SELECT id FROM dtx_decision');
      expect(all).toHaveLength(3);
    });
  });
});
