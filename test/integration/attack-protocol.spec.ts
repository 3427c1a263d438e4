import {
  CounterBoundError,
  DistributedTxError,
  EntityAlreadyExistsError,
  StoreUnavailableError,
} from '../../lib/errors/index.js';
import { TxEntity } from '../../lib/repository/entity-definition.js';
import { parseAddress, recordKeyOf } from '../../lib/store/transaction-address.js';
import { Account, accountKey, Tally } from '../support/entities.js';
import { FaultProxy, type Fault } from '../support/fault-proxy.js';
import { errorOf, outcomeOf } from '../support/outcome.js';
import { poll } from '../support/poll.js';
import { describeRedis, RedisServer } from '../support/redis-server.js';
import { RuntimeShelf } from '../support/runtime-shelf.js';

const account = (id: string, balance = 1): Account => ({ id, balance, points: 1 });

@TxEntity({ name: 'note', store: 'other' })
class Note {
  id!: string;
}

@TxEntity({ name: 'brief', ttlMs: 60 })
class Brief {
  id!: string;
}

describeRedis('somebody who attacks the protocol', () => {
  const shelf = new RuntimeShelf();
  let server: RedisServer;
  let proxy: FaultProxy;

  beforeAll(async () => {
    server = await RedisServer.start();
  });

  afterAll(async () => {
    await server.stop();
  });

  beforeEach(async () => {
    await server.command('FLUSHALL');
    proxy = await FaultProxy.start({ targetPort: server.port });
  });

  afterEach(async () => {
    proxy.refuseConnections(false);
    proxy.heal();
    await shelf.closeAll();
    await proxy.stop();
  });

  /** Breaks the n-th commit script from now on. */
  function breakCommit(fault: Fault, nth = 1): void {
    let commits = 0;
    proxy.decide = ({ name }) => (name === 'evalsha' && ++commits === nth ? fault : undefined);
  }

  it('cannot bring a commit back after the record that fenced it off has expired', async () => {
    const record = { marginMs: 100, retentionMs: 0 };
    const runtime = await shelf.open({ redis: proxy.url, record });
    const tallies = runtime.repository(Tally);
    await tallies.insert({ id: 't', count: 0 });
    breakCommit({ kind: 'deliverLate' });
    let address = '';
    const outcome = await outcomeOf(
      runtime.manager.run(
        async () => {
          address = runtime.manager.current()!.address;
          await tallies.increment('t', 'count', 1);
        },
        { timeoutMs: 400, retry: { attempts: 1 } },
      ),
    );
    expect(outcome).toMatchObject({ error: expect.any(StoreUnavailableError) });
    const key = recordKeyOf(parseAddress(address));
    const gone = async (): Promise<true | undefined> =>
      (await server.command('EXISTS', key)) === 0 ? true : undefined;
    await poll(gone, { deadlineMs: 5000, until: 'the record has expired' });

    expect(await proxy.releaseLate()).toBe(1);

    expect(await tallies.findOneOrFail('t')).toMatchObject({ count: 0 });
    expect(await runtime.manager.outcomeOf(address)).toBe('expired');
  });

  it('cannot have a commit sent after its call was told that nothing was written', async () => {
    const runtime = await shelf.open({ redis: proxy.url });
    const tallies = runtime.repository(Tally);
    await tallies.insert({ id: 't', count: 0 });
    for (const timeoutMs of [5, 20, 60, 200]) {
      proxy.refuseConnections(true);
      proxy.cutAll();
      const calls = Array.from({ length: 5 }, () =>
        outcomeOf(
          runtime.manager.run(() => tallies.increment('t', 'count', 1), {
            timeoutMs,
            retry: { attempts: 1 },
          }),
        ),
      );
      const outcomes = await Promise.all(calls);
      proxy.refuseConnections(false);
      for (const outcome of outcomes) expect(outcome.kind).toBe('rejected');
      const { count } = await tallies.findOneOrFail('t');
      const certain = outcomes.filter(
        (outcome) => outcome.kind === 'rejected' && outcome.error.category !== 'outcome-unknown',
      );
      expect(count).toBeLessThanOrEqual(outcomes.length - certain.length);
    }
  });

  const lostReplies: readonly Fault[] = [
    { kind: 'cutBeforeReply' },
    { kind: 'cutBeforeRequest' },
    { kind: 'deliverLate', afterCommands: 1 },
    { kind: 'deliverLate', afterCommands: 7 },
    { kind: 'reset', when: 'beforeReply' },
  ];

  it.each(lostReplies)(
    'gets the truth for each transaction of a batch that meets %j',
    async (fault) => {
      const runtime = await shelf.open({ redis: proxy.url });
      const tallies = runtime.repository(Tally);
      const accounts = runtime.repository(Account);
      await tallies.insert({ id: 'stock', count: 10 });
      await accounts.insert(account('hot'));
      breakCommit(fault, 2);

      const outcomes = await Promise.all(
        Array.from({ length: 60 }, (_, nth) =>
          outcomeOf(
            runtime.manager.run(async () => {
              await tallies.increment('stock', 'count', -1, { min: 0 });
              if (nth % 3 === 0) await accounts.update('hot', { balance: nth });
              await accounts.insert(account(`order${nth}`, nth));
            }),
          ),
        ),
      );
      proxy.decide = () => undefined;
      await proxy.releaseLate();

      const sold = outcomes.flatMap(({ kind }, nth) => (kind === 'resolved' ? [nth] : []));
      const ids = outcomes.map((_, nth) => `order${nth}`);
      const orders = await accounts.findMany(ids);
      const there = orders.flatMap((order, nth) => (order === null ? [] : [nth]));
      expect(there).toEqual(sold);
      expect(await tallies.findOneOrFail('stock')).toMatchObject({ count: 10 - sold.length });
      const odd = outcomes.filter(
        (outcome) =>
          outcome.kind === 'rejected' &&
          !(outcome.error instanceof CounterBoundError) &&
          !(outcome.error instanceof StoreUnavailableError) &&
          outcome.error.category !== 'conflict',
      );
      expect(odd).toEqual([]);
    },
  );

  it('cannot change one store of two, and not the other', async () => {
    const stores = { default: { redis: server.url }, other: 'embedded' as const };
    const runtime = await shelf.open({ stores });
    const accounts = runtime.repository(Account);
    const notes = runtime.repository(Note);
    const both = (id: string): Promise<void> =>
      runtime.manager.run(async () => {
        await accounts.insert(account(id));
        await notes.insert({ id: 'n' });
      });

    await both('a');
    expect(await errorOf(both('b'))).toBeInstanceOf(EntityAlreadyExistsError);

    expect([await accounts.exists('a'), await notes.exists('n')]).toEqual([true, true]);
    expect(await accounts.findOne('b')).toBeNull();
  });

  it('cannot read two stores as they never were together', async () => {
    const stores = { default: { redis: server.url }, other: 'embedded' as const };
    const runtime = await shelf.open({ stores });
    const accounts = runtime.repository(Account);
    const notes = runtime.repository(Note);
    let runs = 0;
    const seen = await runtime.manager.run(async () => {
      const first = await accounts.findOne('a');
      if (++runs === 1) {
        await runtime.manager.run(() => accounts.insert(account('a')), {
          propagation: 'REQUIRES_NEW',
        });
        await runtime.manager.run(() => notes.insert({ id: 'n' }), { propagation: 'REQUIRES_NEW' });
      }
      return [first !== null, await notes.exists('n')];
    });
    expect(seen).toEqual([true, true]);
  });

  it('cannot use an item that expires between its read and the commit', async () => {
    const runtime = await shelf.open({ redis: server.url });
    const briefs = runtime.repository(Brief);
    const accounts = runtime.repository(Account);
    await briefs.insert({ id: 'b' });
    const error = await errorOf(
      runtime.manager.run(
        async () => {
          await briefs.findOneOrFail('b');
          const gone = async (): Promise<true | undefined> =>
            (await server.command('EXISTS', 'brief:b')) === 0 ? true : undefined;
          await poll(gone, { deadlineMs: 3000, until: 'the item has expired' });
          await accounts.insert(account('a'));
        },
        { retry: { attempts: 1 } },
      ),
    );
    expect(error).toMatchObject({ category: 'conflict', versionFound: '0' });
    expect(await accounts.findOne('a')).toBeNull();
  });

  it('cannot slip an item through that was deleted and created again with the same count', async () => {
    const runtime = await shelf.open({ redis: server.url });
    const accounts = runtime.repository(Account);
    const other = { propagation: 'REQUIRES_NEW' } as const;
    await accounts.insert(account('a'));
    const error = await errorOf(
      runtime.manager.run(
        async () => {
          await accounts.findOneOrFail('a');
          await runtime.manager.run(() => accounts.delete('a'), other);
          await runtime.manager.run(() => accounts.insert(account('a')), other);
          await accounts.insert(account('b'));
        },
        { retry: { attempts: 1 } },
      ),
    );
    expect(error.category).toBe('conflict');
    expect(await accounts.findOne('b')).toBeNull();
  });

  it('learns the outcome of a transaction that nobody finished once its time is over', async () => {
    const record = { marginMs: 2000, retentionMs: 5000 };
    const runtime = await shelf.open({ redis: proxy.url, record });
    const accounts = runtime.repository(Account);
    await accounts.insert(account('a'));
    let commits = 0;
    proxy.decide = ({ name }) => {
      if (name !== 'evalsha' || ++commits > 1) return undefined;
      proxy.refuseConnections(true);
      return { kind: 'cutBeforeRequest' };
    };
    const unknown = await errorOf(
      runtime.manager.run(() => accounts.update('a', { balance: 2 }), { timeoutMs: 300 }),
    );
    expect(unknown).toMatchObject({ category: 'outcome-unknown' });
    const { address } = unknown as DistributedTxError & { address: string };
    proxy.refuseConnections(false);

    // Its deadline is over, so no commit can come any more; whoever asks must be told so in the end.
    const told = await poll(
      async () => {
        const outcome = await runtime.manager.outcomeOf(address);
        return outcome === 'undecided' ? undefined : outcome;
      },
      { deadlineMs: 6000, intervalMs: 100, until: 'the outcome is told' },
    );

    expect(told).toBe('rolled_back');
    expect(await accounts.findOneOrFail('a')).toMatchObject({ balance: 1 });
  });

  it('cannot have the connection closed under a commit by hand', async () => {
    for (let nth = 0; nth < 10; nth += 1) {
      const runtime = await shelf.open({ redis: proxy.url });
      const accounts = runtime.repository(Account);
      const transaction = runtime.manager.begin();
      await transaction.run(() => accounts.insert(account(`h${nth}`)));
      breakCommit({ kind: nth % 2 === 0 ? 'pass' : 'cutBeforeReply' });

      const committing = outcomeOf(transaction.commit());
      await runtime.close();

      expect((await committing).kind).toBe('resolved');
      expect(await server.command('EXISTS', accountKey(`h${nth}`))).toBe(1);
    }
  });

  it('cannot write into a savepoint that was rolled back, by an operation that came too late', async () => {
    const runtime = await shelf.open({ redis: server.url });
    const accounts = runtime.repository(Account);
    await accounts.insert(account('a'));
    await runtime.manager.run(async () => {
      const nested = async (): Promise<void> => {
        // The update still has to read when the other branch has failed already.
        await Promise.all([
          accounts.update('a', { balance: 2 }),
          Promise.reject(new TypeError('at once')),
        ]);
      };
      const failing = runtime.manager.run(nested, { propagation: 'NESTED' });
      await expect(failing).rejects.toBeInstanceOf(TypeError);
      await accounts.insert(account('b'));
      await accounts.findOne('c');
    });
    expect(await accounts.findOneOrFail('a')).toMatchObject({ balance: 1 });
    expect(await accounts.exists('b')).toBe(true);
  });

  it('cannot write into a savepoint that was rolled back for its time-out', async () => {
    const runtime = await shelf.open({ redis: server.url });
    const accounts = runtime.repository(Account);
    await accounts.insert(account('a'));
    let late: Promise<unknown> = Promise.resolve();
    await runtime.manager.run(async () => {
      let goOn = (): void => undefined;
      const gate = new Promise<void>((resolve) => (goOn = resolve));
      const nested = (): Promise<unknown> => {
        late = gate.then(() => accounts.save(account('a', 2)));
        return late;
      };
      const options = { propagation: 'NESTED', timeoutMs: 20 } as const;
      const failing = runtime.manager.run(nested, options);
      await expect(failing).rejects.toMatchObject({ name: 'TransactionTimeoutError' });
      goOn();
      await late.catch(() => undefined);
      await accounts.insert(account('b'));
    });
    expect(await accounts.findOneOrFail('a')).toMatchObject({ balance: 1 });
  });

  it('does not find what a transaction did when it is rolled back by hand while it commits', async () => {
    const runtime = await shelf.open({ redis: proxy.url });
    const accounts = runtime.repository(Account);
    for (let nth = 0; nth < 20; nth += 1) {
      const transaction = runtime.manager.begin();
      if (nth % 2 === 0) void transaction.address;
      await transaction.run(() => accounts.insert(account(`x${nth}`)));
      const [committed, rolledBack] = await Promise.all([
        outcomeOf(transaction.commit()),
        outcomeOf(transaction.rollback()),
      ]);
      const stands = (await server.command('EXISTS', accountKey(`x${nth}`))) === 1;
      expect([stands, transaction.status]).toEqual(
        committed.kind === 'resolved' ? [true, 'committed'] : [false, 'rolled_back'],
      );
      expect([committed.kind, rolledBack.kind].toSorted()).toEqual(['rejected', 'resolved']);
    }
  });
});
