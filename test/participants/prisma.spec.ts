import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { ParticipantUsageError } from '../../lib/errors/index.js';
import { PrismaParticipant, prismaMigration } from '../../lib/prisma/index.js';
import { describePostgres, PostgresServer } from '../support/postgres-server.js';
import { TestRuntime } from '../support/test-runtime.js';
import { describeAdapter, type AdapterScene } from './adapter-suite.js';
import { PrismaClient, type Prisma } from './prisma/client/client.js';

type Client = PrismaClient | Prisma.TransactionClient;

describePostgres('PrismaParticipant', () => {
  let server: PostgresServer;
  let own: pg.Pool;

  beforeAll(async () => {
    server = await PostgresServer.start();
    own = new pg.Pool({ ...server.address(), max: 2 });
    own.on('error', () => undefined);
    await own.query(prismaMigration());
    await own.query('CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL)');
  });

  afterAll(async () => {
    await own.end();
    await server.stop();
  });

  beforeEach(async () => {
    await own.query('TRUNCATE t, dtx_decision');
  });

  function open(): PrismaScene {
    const pool = new pg.Pool({ ...server.address(), max: 4 });
    // A client that is still being closed when the server ends is no failure.
    pool.on('error', () => undefined);
    pool.on('connect', (client) => client.on('error', () => undefined));
    return new PrismaScene(pool, own);
  }

  describeAdapter(() => Promise.resolve(open()));

  describe('beyond the suite', () => {
    let scene: PrismaScene;
    let runtime: TestRuntime;
    let db: PrismaClient;

    beforeEach(async () => {
      scene = open();
      db = scene.participant.client;
      runtime = await TestRuntime.open({ stores: { default: 'embedded' } }, [scene.participant]);
    });

    afterEach(async () => {
      await runtime.close();
      await scene.close();
    });

    async function ids(): Promise<number[]> {
      const { rows } = await own.query<{ id: number }>('SELECT id FROM t ORDER BY id');
      return rows.map(({ id }) => id);
    }

    it('runs raw queries, and models that were taken before, in the transaction', async () => {
      const { item } = db;
      const call = runtime.manager.run(async () => {
        await item.create({ data: { id: 1, v: 1 } });
        expect(await db.$executeRaw`INSERT INTO t VALUES (${2}, ${0})`).toBe(1);
        await db.$executeRawUnsafe('INSERT INTO t VALUES ($1, 0)', 3);
        const rows = await db.$queryRaw`SELECT id FROM t WHERE id > ${1} ORDER BY id`;
        expect(rows).toEqual([{ id: 2 }, { id: 3 }]);
        expect(await db.item.aggregate({ _sum: { v: true } })).toEqual({ _sum: { v: 1 } });
        expect(await ids()).toEqual([]);
        throw new Error('failed');
      });

      await expect(call).rejects.toThrow('failed');
      expect(await ids()).toEqual([]);
    });

    it('sends nothing before somebody waits for it', async () => {
      await runtime.manager.run(async () => {
        const created = db.item.create({ data: { id: 1, v: 0 } });
        expect(scene.inUse()).toBe(0);
        await Promise.all([created, created]);
      });

      expect(await ids()).toEqual([1]);
    });

    it('runs a batch as a part of the transaction, all of it or nothing', async () => {
      await runtime.manager.run(async () => {
        const [one, n] = await db.$transaction([
          db.item.create({ data: { id: 1, v: 0 } }),
          db.item.count(),
        ]);
        expect([one.id, n]).toEqual([1, 1]);
        const refused = db.$transaction([
          db.item.create({ data: { id: 2, v: 0 } }),
          db.item.create({ data: { id: 1, v: 0 } }),
        ]);
        await expect(refused).rejects.toMatchObject({ code: 'P2002' });
        expect(scene.inUse()).toBe(1);
      });
      expect(await ids()).toEqual([1]);

      await db.$transaction([db.item.create({ data: { id: 5, v: 0 } })]);
      expect(await ids()).toEqual([1, 5]);
    });

    it('nests $transaction in $transaction', async () => {
      await runtime.manager.run(() =>
        db.$transaction(async (outer) => {
          await outer.item.create({ data: { id: 1, v: 0 } });
          const inner = db.$transaction(async (tx) => {
            await tx.item.create({ data: { id: 2, v: 0 } });
            throw new Error('inner');
          });
          await expect(inner).rejects.toThrow('inner');
          await outer.item.create({ data: { id: 3, v: 0 } });
        }),
      );

      expect(await ids()).toEqual([1, 3]);
    });

    it('refuses a COMMIT by hand', async () => {
      const call = runtime.manager.run(async () => {
        await db.item.create({ data: { id: 1, v: 0 } });
        await db.$executeRawUnsafe('COMMIT');
      });

      await expect(call).rejects.toThrow(ParticipantUsageError);
      expect(await ids()).toEqual([]);
    });

    it('keeps the extensions of the client it is given, and refuses further ones', async () => {
      const pool = new pg.Pool({ ...server.address(), max: 2 });
      const extended = new PrismaClient({ adapter: new PrismaPg(pool) }).$extends({
        query: {
          item: {
            create: ({ args, query }) => query({ ...args, data: { ...args.data, v: 7 } }),
          },
        },
        result: { item: { double: { needs: { v: true }, compute: ({ v }) => v * 2 } } },
        model: {
          item: {
            async createTwice(this: unknown, id: number): Promise<void> {
              const item = this as typeof db.item;
              await item.create({ data: { id, v: 0 } });
              await item.create({ data: { id: id + 1, v: 0 } });
            },
          },
        },
      });
      const participant = new PrismaParticipant({ name: 'extended', client: extended });
      const other = await TestRuntime.open({ stores: { default: 'embedded' } }, [participant]);
      const call = other.manager.run(async () => {
        await participant.client.item.createTwice(1);
        const found = await participant.client.item.findUniqueOrThrow({ where: { id: 2 } });
        expect(found.double).toBe(14);
        throw new Error('failed');
      });

      await expect(call).rejects.toThrow('failed');
      expect(await ids()).toEqual([]);
      expect(() => participant.client.$extends({})).toThrow(ParticipantUsageError);
      await other.close();
      await extended.$disconnect();
      await pool.end();
    });

    it('decides once, by its own commit', async () => {
      expect(scene.participant.capabilities).toEqual({ decides: true, prepares: false });
      await runtime.manager.run(() => db.item.create({ data: { id: 1, v: 0 } }));

      const { rows } = await own.query('SELECT outcome FROM dtx_decision');
      expect(rows).toEqual([{ outcome: 'c' }]);
    });

    it('runs both of two methods that lose against each other', async () => {
      await own.query('INSERT INTO t VALUES (1, 0), (2, 0)');
      const move = async (from: number, to: number): Promise<void> => {
        await runtime.manager.run(async () => {
          await db.item.update({ where: { id: from }, data: { v: { decrement: 1 } } });
          await db.item.update({ where: { id: to }, data: { v: { increment: 1 } } });
        });
      };
      await Promise.all([move(1, 2), move(2, 1), move(1, 2), move(2, 1)]);

      const { rows } = await own.query('SELECT v FROM t ORDER BY id');
      expect(rows).toEqual([{ v: 0 }, { v: 0 }]);
    });
  });
});

class PrismaScene implements AdapterScene {
  readonly participant: PrismaParticipant<PrismaClient>;
  readonly #own: PrismaClient;
  #transaction: Prisma.TransactionClient | undefined;

  constructor(
    readonly pool: pg.Pool,
    readonly outsider: pg.Pool,
  ) {
    this.#own = new PrismaClient({ adapter: new PrismaPg(pool) });
    this.participant = new PrismaParticipant({ name: 'orders', client: this.#own });
  }

  get #db(): Client {
    return this.#transaction ?? this.participant.client;
  }

  async insert(id: number, v = 0): Promise<void> {
    await this.#db.item.create({ data: { id, v } });
  }

  async ids(): Promise<number[]> {
    const items = await this.#db.item.findMany({ orderBy: { id: 'asc' } });
    return items.map(({ id }) => id);
  }

  async valueOf(id: number): Promise<number> {
    return (await this.#db.item.findUniqueOrThrow({ where: { id } })).v;
  }

  async setValue(id: number, v: number): Promise<void> {
    await this.#db.item.update({ where: { id }, data: { v } });
  }

  readonly transaction = (work: () => Promise<void>): Promise<unknown> =>
    this.participant.client.$transaction(async (transaction) => {
      this.#transaction = transaction;
      await work().finally(() => (this.#transaction = undefined));
    });

  readonly capture = (): (() => Promise<unknown>) => {
    const found = this.participant.client.item.findMany();
    return async () => found;
  };

  inUse(): number {
    return this.pool.totalCount - this.pool.idleCount;
  }

  async outside(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    return (await this.outsider.query(sql)).rows;
  }

  async close(): Promise<void> {
    await this.#own.$disconnect();
    await this.pool.end();
  }
}
