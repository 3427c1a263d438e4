import { EmbeddedStore } from '../../lib/store/embedded/embedded-store.js';
import type { OnePhaseReply } from '../../lib/store/versioned-store.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { Account } from '../support/entities.js';
import { ScriptedStore } from '../support/scripted-store.js';
import { TestRuntime } from '../support/test-runtime.js';

const lifetime = { longestTimeoutMs: 60_000, marginMs: 100, retentionMs: 100 };

describe('a value that is sent and not yet committed', () => {
  let clock: ManualClock;
  let store: ScriptedStore;
  let runtime: TestRuntime;
  /** Lets the commit happen that is held back. */
  let letGo: (() => void) | undefined;

  beforeEach(async () => {
    clock = new ManualClock();
    store = new ScriptedStore(new EmbeddedStore({ name: 'default', clock, lifetime }));
    runtime = await TestRuntime.open({ stores: { default: () => store }, clock, random: () => 0 });
    await accounts().insert({ id: 'a', balance: 1, points: 0 });
    await heat();
  });

  afterEach(() => runtime.close());

  const accounts = () => runtime.repository(Account);

  const add = (by: number, then?: (balance: number) => void): Promise<number> =>
    runtime.manager.run(async () => {
      const account = await accounts().findOneOrFail('a');
      const balance = account.balance + by;
      await accounts().save({ ...account, balance });
      then?.(balance);
      return balance;
    });

  /** Two callers at once: one of them loses, and from then on the item is taken in turn. */
  async function heat(): Promise<void> {
    await Promise.all([settled(add(0)), settled(add(0))]);
    expect(runtime.manager.contention).toMatchObject({ hotItems: 1 });
  }

  /** Moves time until the work has ended. */
  async function settled<T>(work: Promise<T>): Promise<T> {
    let ended = false;
    const end = (): void => void (ended = true);
    work.then(end, end);
    while (!ended) await clock.advance(1);
    return work;
  }

  /** The next commit waits to be let go, and then happens, or fails as told. */
  function holdNextCommit(reply?: OnePhaseReply): void {
    store.aroundCommit = async (_, next) => {
      store.aroundCommit = (__, go) => go();
      await new Promise<void>((resolve) => (letGo = resolve));
      return reply ?? next();
    };
  }

  const lost: OnePhaseReply = { status: 'conflict', index: 0, found: '9.other' };

  it('is what the next one starts from', async () => {
    holdNextCommit();
    const first = add(10);
    await clock.advance(0);
    const seen: number[] = [];
    const second = add(100, (balance) => seen.push(balance));
    await clock.advance(0);

    expect(seen).toEqual([111]);
    letGo!();
    expect(await settled(Promise.all([first, second]))).toEqual([11, 111]);
    expect((await accounts().findOneOrFail('a')).balance).toBe(111);
  });

  it('is never returned to a caller where its commit fails', async () => {
    holdNextCommit(lost);
    const first = add(10);
    await clock.advance(0);
    const second = add(100);
    await clock.advance(0);

    letGo!();

    // Whoever comes first then: what the second one returns is what it has written on top of the other, or below.
    const [one, two] = await settled(Promise.all([first, second]));
    expect([one, two]).toEqual(one > two ? [111, 101] : [11, 111]);
    expect((await accounts().findOneOrFail('a')).balance).toBe(111);
  });

  it('is in no error that a caller gets where its commit fails', async () => {
    holdNextCommit(lost);
    const first = add(10);
    await clock.advance(0);
    const seen: number[] = [];
    const second = runtime.manager.run(async () => {
      const { balance } = await accounts().findOneOrFail('a');
      seen.push(balance);
      throw new Error(`The balance is ${balance}.`);
    });
    second.catch(() => undefined);
    await clock.advance(10);
    // It has seen it, and is not told of its error as long as nobody knows whether that is true.
    expect(seen).toEqual([11]);

    letGo!();

    const error: unknown = await settled(second).catch((reason: unknown) => reason);
    await settled(first);
    expect(seen.length).toBeGreaterThan(1);
    expect(String(error)).toBe(`Error: The balance is ${seen.at(-1)}.`);
  });

  it('is in the error that a caller gets where its commit succeeds, and at once', async () => {
    holdNextCommit();
    const first = add(10);
    await clock.advance(0);
    let runs = 0;
    const second = runtime.manager.run(async () => {
      runs += 1;
      throw new Error(`The balance is ${(await accounts().findOneOrFail('a')).balance}.`);
    });
    second.catch(() => undefined);
    await clock.advance(10);
    letGo!();

    await expect(settled(second)).rejects.toThrow('The balance is 11.');
    await settled(first);
    expect(runs).toBe(1);
  });

  it.each([
    ['a read-only transaction', { readOnly: true }],
    ['read-committed isolation', { isolation: 'read-committed' }],
  ] as const)('is not shown to %s', async (_, options) => {
    holdNextCommit();
    const first = add(10);
    await clock.advance(0);

    const seen = await settled(
      runtime.manager.run(async () => (await accounts().findOneOrFail('a')).balance, options),
    );

    expect(seen).toBe(1);
    letGo!();
    await settled(first);
  });

  it('is not shown to a read of its own, nor to a peek', async () => {
    holdNextCommit();
    const first = add(10);
    await clock.advance(0);

    expect((await settled(runtime.manager.run(() => accounts().peek('a'))))?.balance).toBe(1);

    letGo!();
    await settled(first);
  });

  it('ends a call that waits for its turn at its deadline', async () => {
    const never = runtime.manager.run(
      async () => {
        await accounts().findOneOrFail('a');
        await new Promise(() => undefined);
      },
      { timeoutMs: 40 },
    );
    never.catch(() => undefined);
    await clock.advance(0);

    const waiting = runtime.manager.run(() => accounts().findOneOrFail('a'), { timeoutMs: 10 });
    waiting.catch(() => undefined);
    await clock.advance(11);

    await expect(waiting).rejects.toThrow('10 ms');
    await clock.advance(40);
    await expect(never).rejects.toThrow('40 ms');
    expect(await settled(add(1))).toBe(2);
  });

  it('does not have a new transaction inside of a holder wait for ever', async () => {
    const inner = { propagation: 'REQUIRES_NEW', timeoutMs: 1000 } as const;
    let innerEndedAt = 0;
    const outer = runtime.manager.run(
      async () => {
        await accounts().findOneOrFail('a');
        await runtime.manager.run(async () => {
          const account = await accounts().findOneOrFail('a');
          await accounts().save({ ...account, balance: account.balance + 5 });
        }, inner);
        innerEndedAt = clock.now();
      },
      { retry: { attempts: 1 } },
    );
    const begunAt = clock.now();

    // What it has read has changed, by itself.
    await expect(settled(outer)).rejects.toThrow('Conflict');

    expect(innerEndedAt - begunAt).toBeLessThan(200);
    expect((await accounts().findOneOrFail('a')).balance).toBe(6);
  });
});
