import { existsSync } from 'node:fs';
import { mongo } from 'mongoose';
import { isAlive } from '../support/guarded-process.js';
import { describeMongoDb, MongoDbServer } from '../support/mongodb-server.js';

describeMongoDb('MongoDbServer', () => {
  let server: MongoDbServer;
  let client: mongo.MongoClient;

  beforeEach(async () => {
    server = await MongoDbServer.start();
    client = new mongo.MongoClient(server.connectionString());
  });

  afterEach(async () => {
    await client.close();
    await server.stop();
  });

  it('has transactions as soon as it is started', async () => {
    const orders = client.db().collection('orders');

    await client.withSession((session) =>
      session.withTransaction(() => orders.insertOne({ item: 'book' }, { session })),
    );

    expect(await orders.countDocuments()).toBe(1);
  });

  it('keeps what a majority wrote over a crash and a restart on the same port', async () => {
    const { pid, port } = server;
    const orders = client.db().collection('orders', { writeConcern: { w: 'majority' } });
    await orders.insertOne({ item: 'book' });

    await server.kill();
    expect(isAlive(pid)).toBe(false);
    await server.restart();

    expect(server.port).toBe(port);
    expect(await orders.countDocuments()).toBe(1);
  });

  it('leaves neither process nor folder behind when it is stopped, even while paused', async () => {
    const { pid, dir } = server;
    server.pause();

    await server.stop();

    expect(isAlive(pid)).toBe(false);
    expect(existsSync(dir)).toBe(false);
  });
});
