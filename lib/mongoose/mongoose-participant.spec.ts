import type { Connection } from 'mongoose';
import { TestRuntime } from '../../test/support/test-runtime.js';
import { ParticipantUsageError, TransactionClosedError } from '../errors/index.js';
import { Propagation } from '../transaction/propagation.js';
import { MongooseParticipant } from './index.js';

type Options = { readonly session?: FakeSession };

class FakeError extends Error {
  constructor(readonly labels: readonly string[]) {
    super(labels.join());
  }

  hasErrorLabel(label: string): boolean {
    return this.labels.includes(label);
  }
}

class FakeSession {
  state = 'none';

  constructor(readonly server: FakeConnection) {}

  startTransaction(): void {
    this.state = 'open';
  }

  inTransaction(): boolean {
    return this.state === 'open';
  }

  async commitTransaction(): Promise<void> {
    const failure = this.server.failCommit.shift();
    this.state = 'committed';
    if (failure !== undefined) throw failure;
  }

  async abortTransaction(): Promise<void> {
    this.state = 'aborted';
  }

  async endSession(): Promise<void> {
    this.server.ended++;
  }
}

/** What the adapter touches of a connection, of its collections and of the driver; it stores nothing. */
class FakeConnection {
  readonly collections: Record<string, FakeMongooseCollection> = {};
  readonly sessions: FakeSession[] = [];
  readonly seen: string[] = [];
  readonly failCommit: Error[] = [];
  fenced = 'r';
  running = 0;
  mostRunning = 0;
  ended = 0;
  readonly db = {
    admin: () => ({ command: async () => ({ setName: 'dtx' }) }),
    collection: (name: string) => new FakeCollection(this, name),
  };

  collection(name: string): FakeMongooseCollection {
    return (this.collections[name] ??= new FakeMongooseCollection(this, name));
  }

  getClient(): { startSession(): FakeSession } {
    return {
      startSession: () => {
        const session = new FakeSession(this);
        this.sessions.push(session);
        return session;
      },
    };
  }

  async transaction(work: () => unknown): Promise<unknown> {
    return work();
  }

  async asPromise(): Promise<this> {
    return this;
  }
}

class FakeMongooseCollection {
  constructor(
    readonly connection: FakeConnection,
    readonly name: string,
  ) {}

  _getCollection(): FakeCollection {
    return this.connection.db.collection(this.name);
  }
}

class FakeCollection {
  constructor(
    readonly connection: FakeConnection,
    readonly name: string,
  ) {}

  async createIndex(): Promise<void> {}

  insertOne(document: { readonly _id: number }, options?: Options): Promise<void> {
    return this.#do(`insert ${document._id}`, options);
  }

  updateOne(_filter: unknown, _update: unknown, options?: Options): Promise<void> {
    return this.#do(options?.session ? 'decide' : 'fence', options);
  }

  async findOne(): Promise<unknown> {
    return { outcome: this.connection.fenced };
  }

  async #do(what: string, options?: Options): Promise<void> {
    const { connection } = this;
    connection.mostRunning = Math.max(connection.mostRunning, ++connection.running);
    await new Promise((resolve) => setImmediate(resolve));
    connection.running--;
    connection.seen.push(options?.session ? `${what} in a session` : what);
  }
}

describe('MongooseParticipant without a server', () => {
  let fake: FakeConnection;
  let runtime: TestRuntime;
  let items: FakeMongooseCollection;

  beforeEach(async () => {
    fake = new FakeConnection();
    items = fake.collection('items');
    const connection = fake as unknown as Connection;
    const participant = new MongooseParticipant({ name: 'orders', connection });
    runtime = await TestRuntime.open({ stores: { default: 'embedded' } }, [participant]);
  });

  afterEach(() => runtime.close());

  const insert = (_id: number): Promise<void> => items._getCollection().insertOne({ _id });

  it('gives operations the session, one at a time, and decides last', async () => {
    await runtime.manager.run(async () => {
      expect(fake.sessions).toEqual([]);
      await Promise.all([insert(1), insert(2)]);
    });
    await insert(3);

    const inSession = ['insert 1', 'insert 2', 'decide'].map((what) => `${what} in a session`);
    expect(fake.seen).toEqual([...inSession, 'insert 3']);
    expect(fake.sessions.map(({ state }) => state)).toEqual(['committed']);
    expect(fake.ended).toBe(1);
    expect(fake.mostRunning).toBe(1);
  });

  it('aborts when the method fails, and takes nothing afterwards', async () => {
    let late: (() => Promise<void>) | undefined;
    const call = runtime.manager.run(async () => {
      const { AsyncResource } = await import('node:async_hooks');
      await insert(1);
      late = AsyncResource.bind(() => insert(2));
      throw new Error('failed');
    });

    await expect(call).rejects.toThrow('failed');
    expect(fake.sessions.map(({ state }) => state)).toEqual(['aborted']);
    await expect(late!()).rejects.toThrow(TransactionClosedError);
  });

  it('runs again after a commit that lost, and asks after one without an answer', async () => {
    fake.failCommit.push(new FakeError(['TransientTransactionError']));
    await runtime.manager.run(() => insert(1));
    expect(fake.sessions).toHaveLength(2);

    fake.failCommit.push(new FakeError(['UnknownTransactionCommitResult']));
    fake.fenced = 'c';
    await runtime.manager.run(() => insert(2));
    expect(fake.seen.at(-1)).toBe('fence');

    fake.failCommit.push(new FakeError(['UnknownTransactionCommitResult']));
    fake.fenced = 'r';
    await runtime.manager.run(() => insert(3));
    expect(fake.seen.slice(-3)).toEqual(['fence', 'insert 3 in a session', 'decide in a session']);
  });

  it('fails everything when a nested method fails after a write', async () => {
    const nested = { propagation: Propagation.NESTED };
    const failing = async (): Promise<never> => Promise.reject(new Error('inner'));
    await runtime.manager.run(async () => {
      await insert(1);
      await runtime.manager.run(failing, nested).catch(() => undefined);
    });

    const call = runtime.manager.run(async () => {
      await runtime.manager.run(() => insert(2).then(failing), nested).catch(() => undefined);
    });
    await expect(call).rejects.toMatchObject({ cause: expect.any(ParticipantUsageError) });
    expect(fake.sessions.map(({ state }) => state)).toEqual(['committed', 'aborted']);
  });

  it('joins a transaction of mongoose, whose failure fails everything', async () => {
    await runtime.manager.run(() => fake.transaction(() => insert(1)));
    const call = runtime.manager.run(async () => {
      const inner = fake.transaction(() => Promise.reject(new Error('inner')));
      await expect(inner).rejects.toThrow('inner');
    });

    await expect(call).rejects.toMatchObject({ cause: expect.any(ParticipantUsageError) });
    expect(fake.sessions.map(({ state }) => state)).toEqual(['committed', 'aborted']);
  });

  it('refuses to write in a transaction that only reads', async () => {
    const call = runtime.manager.run(() => insert(1), { readOnly: true });
    await expect(call).rejects.toThrow(ParticipantUsageError);
    expect(fake.seen).toEqual([]);
  });

  it('leaves the connection as it was when the application closes', async () => {
    expect(Object.hasOwn(items, '_getCollection')).toBe(true);
    await runtime.close();
    expect(Object.hasOwn(items, '_getCollection')).toBe(false);
    expect(Object.hasOwn(fake, 'transaction')).toBe(false);
  });
});
