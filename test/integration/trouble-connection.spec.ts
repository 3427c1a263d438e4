import {
  StoreUnavailableError,
  TransactionOutcomeUnknownError,
  TransactionTimeoutError,
} from '../../lib/errors/index.js';
import { Account, accountKey, Tally } from '../support/entities.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { errorOf, outcomeOf, type Outcome } from '../support/outcome.js';
import { describeRedis, RedisServer } from '../support/redis-server.js';
import { RuntimeShelf } from '../support/runtime-shelf.js';

const account = (id: string, balance = 1): Account => ({ id, balance, points: 1 });
const durable = { appendonly: 'yes', appendfsync: 'always' };

describeRedis('a connection that is lost', () => {
  const shelf = new RuntimeShelf();
  let server: RedisServer;
  let proxy: FaultProxy;

  beforeEach(async () => {
    server = await RedisServer.start({ config: durable });
    proxy = await FaultProxy.start({ targetPort: server.port });
  });

  afterEach(async () => {
    proxy.heal();
    await shelf.closeAll();
    await proxy.stop();
    await server.stop();
  });

  it('in the middle of a transaction does no harm when Redis comes back in time', async () => {
    const runtime = await shelf.open({ redis: server.url });
    const accounts = runtime.repository(Account);
    await accounts.insert(account('a'));
    await accounts.insert(account('b'));
    let attempts = 0;

    await runtime.manager.run(
      async () => {
        const { balance } = await accounts.findOneOrFail('a');
        if (++attempts === 1) {
          await server.kill();
          await server.restart();
        }
        await accounts.update('b', { balance: balance + 1 });
        await accounts.update('a', { balance: balance + 1 });
      },
      { timeoutMs: 15_000 },
    );

    expect(await accounts.findMany(['a', 'b'])).toMatchObject([{ balance: 2 }, { balance: 2 }]);
    expect(await server.command('GET', accountKey('a'))).toMatch(/^2\./);
  });

  it('for good ends a transaction at its deadline, and a start after its own', async () => {
    const runtime = await shelf.open({ redis: server.url });
    const accounts = runtime.repository(Account);
    await accounts.insert(account('a'));

    const outcome = await outcomeOf(
      runtime.manager.run(
        async () => {
          await accounts.findOneOrFail('a');
          await server.kill();
          await accounts.update('b', { balance: 2 });
        },
        { timeoutMs: 700 },
      ),
    );

    expect(outcome).toMatchObject({ error: expect.any(StoreUnavailableError) });
    expect(outcome.tookMs).toBeLessThan(1200);
    const startedAt = performance.now();
    const error = await errorOf(shelf.open({ redis: server.url, connectTimeoutMs: 400 }));
    expect(error).toBeInstanceOf(StoreUnavailableError);
    expect(performance.now() - startedAt).toBeLessThan(1400);
    await expect(runtime.manager.run(async () => 'no store needed')).resolves.toBeDefined();
  });

  it('before a lazy start is waited for by the first transactions', async () => {
    await server.kill();
    const runtime = await shelf.open({ redis: server.url, startup: 'lazy' });
    const accounts = runtime.repository(Account);
    const early = runtime.manager.run(() => accounts.insert(account('a')), { timeoutMs: 10_000 });
    const late = await outcomeOf(
      runtime.manager.run(() => accounts.insert(account('b')), { timeoutMs: 300 }),
    );
    expect(late).toMatchObject({ error: expect.any(StoreUnavailableError) });
    expect(late.tookMs).toBeLessThan(800);

    await server.restart();

    await expect(early).resolves.toMatchObject({ id: 'a' });
    expect(await accounts.findOne('b')).toBeNull();
  });

  it.each(['eager', 'lazy'] as const)(
    'while the server is checked at an %s start is no refusal, and is got over',
    async (startup) => {
      let evals = 0;
      proxy.decide = ({ name }) =>
        name.startsWith('eval') && ++evals === 2 ? { kind: 'cutBeforeReply' } : undefined;
      const runtime = await shelf.open({ redis: proxy.url, startup });
      const accounts = runtime.repository(Account);
      await outcomeOf(accounts.save(account('first')));
      await expect(accounts.save(account('a'))).resolves.toMatchObject({ id: 'a' });
    },
  );

  it('with the reply to a commit is asked about, and the call ends with the truth', async () => {
    const runtime = await shelf.open({ redis: proxy.url, commandTimeoutMs: 200 });
    const tallies = runtime.repository(Tally);
    await tallies.insert({ id: 't', count: 0 });
    let commits = 0;
    proxy.decide = ({ name }) =>
      name === 'evalsha' && ++commits === 1 ? { kind: 'dropReply' } : undefined;

    await tallies.increment('t', 'count', 1);

    expect(await tallies.findOneOrFail('t')).toMatchObject({ count: 1 });
  });

  it('and silent gives an unknown outcome at the deadline, whose address tells the truth', async () => {
    const runtime = await shelf.open({ redis: proxy.url, commandTimeoutMs: 200 });
    const accounts = runtime.repository(Account);
    await accounts.insert(account('a'));
    await accounts.insert(account('b'));
    for (const when of ['before the commit', 'after the commit']) {
      const id = when === 'before the commit' ? 'a' : 'b';
      proxy.decide = ({ name }) => {
        if (name !== 'evalsha') return undefined;
        proxy.decide = () => undefined;
        proxy.refuseConnections(true);
        return { kind: id === 'a' ? 'cutBeforeRequest' : 'cutBeforeReply' };
      };

      const outcome = await outcomeOf(
        runtime.manager.run(() => accounts.update(id, { balance: 2 }), { timeoutMs: 600 }),
      );

      expect(outcome).toMatchObject({ error: expect.any(TransactionOutcomeUnknownError) });
      expect(outcome.tookMs).toBeLessThan(1100);
      proxy.refuseConnections(false);
      const { address } = (outcome as unknown as { error: TransactionOutcomeUnknownError }).error;
      const recorded = await runtime.manager.outcomeOf(address);
      const { balance } = await accounts.findOneOrFail(id);
      expect([when, recorded === 'committed', balance]).toEqual([
        when,
        id === 'b',
        id === 'b' ? 2 : 1,
      ]);
    }
  });

  it('into a black hole never holds a call past its deadline', async () => {
    const runtime = await shelf.open({ redis: proxy.url, commandTimeoutMs: 5000 });
    const accounts = runtime.repository(Account);
    const tallies = runtime.repository(Tally);
    await accounts.insert(account('a'));
    await tallies.insert({ id: 't', count: 0 });
    proxy.blackhole();

    const outcomes = await Promise.all([
      outcomeOf(runtime.manager.run(() => accounts.findOne('a'), { timeoutMs: 400 })),
      outcomeOf(runtime.manager.run(() => tallies.increment('t', 'count', 1), { timeoutMs: 400 })),
      outcomeOf(
        runtime.manager.run(() => accounts.update('a', { balance: 2 }), { timeoutMs: 400 }),
      ),
    ]);

    const names = outcomes.map((outcome) =>
      outcome.kind === 'rejected' ? outcome.error.name : 'resolved',
    );
    expect(names).toEqual([
      TransactionTimeoutError.name,
      TransactionOutcomeUnknownError.name,
      TransactionTimeoutError.name,
    ]);
    for (const { tookMs } of outcomes) expect(tookMs).toBeLessThan(900);
    proxy.heal();
    // What the black hole lets out arrives past its deadline, and is refused there.
    await accounts.insert(account('later'));
    expect(await tallies.findOneOrFail('t')).toMatchObject({ count: 0 });
    expect(await accounts.findOneOrFail('a')).toMatchObject({ balance: 1 });
  });

  it('again and again ends every call with the truth once it stays', async () => {
    const runtime = await shelf.open({ redis: proxy.url });
    const tallies = runtime.repository(Tally);
    await tallies.insert({ id: 't', count: 0 });
    let storming = true;
    const storm = (async () => {
      for (let nth = 0; storming; nth += 1) {
        proxy.refuseConnections(nth % 4 === 3);
        proxy.cutAll();
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      proxy.refuseConnections(false);
    })();

    const outcomes: Outcome<void>[] = [];
    const teller = async (): Promise<void> => {
      while (proxy.counts.connections < 10) {
        const options = { timeoutMs: 8000, retry: { attempts: 1000 } };
        const call = runtime.manager.run(() => tallies.increment('t', 'count', 1), options);
        outcomes.push(await outcomeOf(call));
      }
    };
    await Promise.all(Array.from({ length: 6 }, teller));
    storming = false;
    await storm;

    expect(outcomes.filter(({ kind }) => kind === 'rejected')).toEqual([]);
    expect(await tallies.findOneOrFail('t')).toMatchObject({ count: outcomes.length });
  }, 60_000);

  it('while the application shuts down ends what is in flight before the connection closes', async () => {
    const runtime = await shelf.open({ redis: proxy.url });
    const tallies = runtime.repository(Tally);
    await tallies.insert({ id: 't', count: 0 });
    let commits = 0;
    proxy.decide = ({ name }) =>
      name === 'evalsha' && ++commits === 1 ? { kind: 'cutBeforeReply' } : undefined;
    const calls = Array.from({ length: 20 }, () => outcomeOf(tallies.increment('t', 'count', 1)));

    const closing = runtime.close();
    const refused = await outcomeOf(tallies.increment('t', 'count', 1));
    const outcomes = await Promise.all(calls);
    await closing;

    expect(refused).toMatchObject({ error: expect.any(StoreUnavailableError) });
    expect(outcomes.map(({ kind }) => kind)).toEqual(calls.map(() => 'resolved'));
    expect(await server.command('GET', 'tally:t')).toMatch(/^21\.[^|]*\|20\|/);
  });
});
