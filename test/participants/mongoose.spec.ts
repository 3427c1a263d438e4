import mongoose, { type Connection, type Model } from 'mongoose';
import { ParticipantUsageError } from '../../lib/errors/index.js';
import { MongooseParticipant } from '../../lib/mongoose/index.js';
import { Propagation } from '../../lib/transaction/propagation.js';
import { Account } from '../support/entities.js';
import { describeMongoDb, MongoDbServer } from '../support/mongodb-server.js';
import { TestRuntime } from '../support/test-runtime.js';

interface Item {
  readonly _id: number;
  v: number;
}

describeMongoDb('MongooseParticipant', () => {
  let server: MongoDbServer;
  let connection: Connection;
  let other: Connection;
  let items: Model<Item>;
  let runtime: TestRuntime;

  beforeAll(async () => {
    server = await MongoDbServer.start();
    connection = await mongoose.createConnection(server.connectionString()).asPromise();
    other = await mongoose.createConnection(server.connectionString()).asPromise();
    const schema = new mongoose.Schema<Item>({ _id: Number, v: Number });
    items = connection.model<Item>('Item', schema);
    await items.init();
    await items.createCollection();
  });

  afterAll(async () => {
    await connection.close();
    await other.close();
    await server.stop();
  });

  beforeEach(async () => {
    await items.deleteMany({});
    await other.collection('dtx_decision').deleteMany({});
    const participant = new MongooseParticipant({ name: 'orders', connection });
    runtime = await TestRuntime.open({ stores: { default: 'embedded' } }, [participant]);
  });

  afterEach(async () => {
    await runtime.close();
  });

  async function committed(): Promise<number[]> {
    const found = await other.collection<Item>('items').find().sort({ _id: 1 }).toArray();
    return found.map(({ _id }) => _id);
  }

  it('commits together with an item of the cache', async () => {
    await runtime.manager.run(async () => {
      await runtime.repository(Account).save({ id: 'a', balance: 1, points: 0 });
      await items.create({ _id: 1, v: 0 });
      expect(await items.countDocuments()).toBe(1);
      expect(await committed()).toEqual([]);
    });

    expect(await committed()).toEqual([1]);
    const decisions = await other.collection('dtx_decision').find().toArray();
    expect(decisions).toMatchObject([{ outcome: 'c', expiresAt: expect.any(Date) }]);
  });

  it('rolls back together, whatever ran at the same time', async () => {
    const call = runtime.manager.run(async () => {
      await Promise.all([items.create({ _id: 1, v: 0 }), items.insertMany([{ _id: 2, v: 0 }])]);
      const seen: number[] = [];
      for await (const { _id } of items.find().sort({ _id: 1 }).cursor()) seen.push(_id);
      expect(seen).toEqual([1, 2]);
      expect(await items.aggregate([{ $count: 'n' }])).toEqual([{ n: 2 }]);
      throw new Error('failed');
    });

    await expect(call).rejects.toThrow('failed');
    expect(await committed()).toEqual([]);
  });

  it('keeps what a nested method did; one that fails after a write fails everything', async () => {
    const nested = { propagation: Propagation.NESTED };
    await runtime.manager.run(() =>
      runtime.manager.run(() => items.create({ _id: 1, v: 0 }), nested),
    );
    expect(await committed()).toEqual([1]);

    const call = runtime.manager.run(async () => {
      await items.create({ _id: 2, v: 0 });
      const inner = runtime.manager.run(async () => {
        await items.create({ _id: 3, v: 0 });
        throw new Error('inner');
      }, nested);
      await inner.catch(() => undefined);
    });
    await expect(call).rejects.toMatchObject({ cause: expect.any(ParticipantUsageError) });
    expect(await committed()).toEqual([1]);
  });

  it('runs the method again after a write conflict', async () => {
    await items.create({ _id: 1, v: 0 });
    let attempts = 0;
    await runtime.manager.run(async () => {
      const item = (await items.findById(1))!;
      if (++attempts === 1) {
        await other.collection<Item>('items').updateOne({ _id: 1 }, { $inc: { v: 10 } });
      }
      item.v += 1;
      await item.save();
    });

    expect(attempts).toBe(2);
    expect((await items.findById(1))!.v).toBe(11);
  });

  it('never commits after an operation that failed', async () => {
    await items.create({ _id: 1, v: 0 });
    const call = runtime.manager.run(async () => {
      await items.create({ _id: 2, v: 0 });
      await items.create({ _id: 1, v: 0 }).catch(() => undefined);
    });

    await expect(call).rejects.toMatchObject({ cause: { code: 11_000 } });
    expect(await committed()).toEqual([1]);
  });
});
