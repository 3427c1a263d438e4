import {
  EntityAlreadyExistsError,
  TransactionConflictError,
  TransactionTimeoutError,
} from '../../lib/errors/index.js';
import type { TxRepository } from '../../lib/repository/tx-repository.js';
import type { TransactionOptions } from '../../lib/transaction/transaction-options.js';
import { NodeGroup, TIMEOUT_MS, type GroupMember } from '../support/node-group.js';
import { gate, watch } from '../support/scripted-store.js';
import { NODE_LETTERS, Purse, purseKey } from '../support/spread-entities.js';

const [a, b, c] = NODE_LETTERS as [string, string, string];
const ONCE = { retry: { attempts: 1 } };

let group: NodeGroup;
let holder: Process;
let other: Process;

/** One of the processes that share the nodes. */
class Process {
  readonly purses: TxRepository<Purse>;

  constructor(readonly member: GroupMember) {
    this.purses = member.runtime.repository(Purse);
  }

  run<T>(work: () => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    return this.member.runtime.manager.run(work, options);
  }

  async set(id: string, balance: number, options: TransactionOptions = ONCE): Promise<void> {
    await this.run(() => this.purses.save({ id, balance, points: 10 }), options);
  }

  async add(id: string, amount: number): Promise<void> {
    const { balance, points } = await this.purses.findOneOrFail(id);
    await this.purses.save({ id, balance: balance + amount, points });
  }
}

beforeEach(async () => {
  group = new NodeGroup();
  holder = new Process(await group.join(Math.random));
  other = new Process(await group.join(Math.random));
  for (const id of [a, b, c]) await group.drive(other.set(id, 100));
});

afterEach(async () => {
  await group.close();
});

const balances = async (): Promise<(number | undefined)[]> => {
  const found = await group.drive(other.purses.findMany([a, b, c]));
  return found.map((purse) => purse?.balance);
};

const locked = (): string[] =>
  [a, b, c, `${a}new`].filter((id) =>
    (group.layout.peekRaw(purseKey(id)) ?? '').split('|')[0]!.includes('*'),
  );

describe('findOneForUpdate', () => {
  it('keeps others from changing the item, and lets them read it, until the transaction ends', async () => {
    const waiting = gate();
    let runs = 0;
    const call = holder.run(async () => {
      runs += 1;
      const purse = (await holder.purses.findOneForUpdate(a))!;
      await waiting.opened;
      await holder.purses.save({ ...purse, balance: purse.balance - 1 });
    });
    call.catch(() => undefined);
    await group.clock.advance(5);

    await expect(group.drive(other.set(a, 0))).rejects.toBeInstanceOf(TransactionConflictError);
    expect((await group.drive(other.purses.findOneOrFail(a))).balance).toBe(100);
    const patient = watch(other.run(() => other.add(a, 1000)));
    await group.clock.advance(50);
    expect(patient).toEqual({});
    waiting.open();
    await group.drive(call);
    await group.clock.advance(200);

    expect(patient).toHaveProperty('value');
    expect([runs, (await balances())[0]]).toEqual([1, 1099]);
  });

  it.each([
    ['commits without a change', () => Promise.resolve()],
    ['commits a change elsewhere', () => holder.add(c, 1)],
    ['commits changes of what it holds', () => holder.add(a, 1)],
    ['is rolled back', () => Promise.reject(new Error('no'))],
    ['runs out of time', () => group.clock.advance(TIMEOUT_MS)],
  ])('holds nothing any more once the transaction %s', async (_, work) => {
    const call = holder.run(async () => {
      await holder.purses.findOneForUpdate(a);
      await holder.purses.findOneForUpdate(b);
      expect(locked()).toEqual([a, b]);
      await work();
    });
    await group.drive(call).catch(() => undefined);
    await group.clock.advance(5);

    expect(locked()).toEqual([]);
    const { journal } = group.store;
    const until = group.clock.now() + TIMEOUT_MS;
    for (const instance of holder.member.store.instances) {
      await group.clock.advance(100);
      expect((await journal.entries(instance, { most: 10 }, until)).entries).toEqual([]);
    }
  });

  it('sees what stands when it is locked, so what was read before must not have changed', async () => {
    const runsWhen = async (isolation: 'serializable' | 'read-committed'): Promise<number> => {
      let runs = 0;
      const work = async (): Promise<void> => {
        await holder.purses.findOne(a);
        if (++runs === 1) await other.set(a, 7);
        await holder.purses.findOneForUpdate(a);
        await holder.add(b, 1);
      };
      await group.drive(holder.run(work, { isolation }));
      return runs;
    };

    expect(await runsWhen('serializable')).toBe(2);
    expect(await runsWhen('read-committed')).toBe(2);
  });

  it('holds the place of an item that does not exist', async () => {
    const fresh = { id: `${a}new`, balance: 1, points: 1 };
    const call = holder.run(async () => {
      expect(await holder.purses.findOneForUpdate(fresh.id)).toBeNull();
      await expect(group.drive(other.run(() => other.purses.insert(fresh), ONCE))).rejects.toThrow(
        /another transaction holds it/,
      );
      await holder.purses.insert(fresh);
    });
    await group.drive(call);

    expect(await group.drive(other.purses.findOne(fresh.id))).toEqual(fresh);
    await expect(group.drive(other.purses.insert(fresh))).rejects.toBeInstanceOf(
      EntityAlreadyExistsError,
    );
  });

  it('goes together with increments, blind writes and deletions of what is held', async () => {
    const call = holder.run(async () => {
      for (const id of [a, b, c]) await holder.purses.findOneForUpdate(id);
      await holder.purses.increment(a, 'points', 5, { max: 20 });
      await holder.purses.save({ id: b, balance: 5, points: 5 });
      await holder.purses.delete(c);
    });
    await group.drive(call);
    await group.clock.advance(5);

    const found = await group.drive(other.purses.findMany([a, b, c]));
    expect(found).toEqual([
      { id: a, balance: 100, points: 15 },
      { id: b, balance: 5, points: 5 },
      null,
    ]);
    expect(locked()).toEqual([]);
  });

  it('locks nothing where nothing may be written, and outside of a transaction', async () => {
    await group.drive(
      holder.run(
        async () => {
          expect((await holder.purses.findOneForUpdate(a))!.balance).toBe(100);
          expect(locked()).toEqual([]);
        },
        { readOnly: true },
      ),
    );
    expect((await group.drive(holder.purses.findOneForUpdate(a)))!.balance).toBe(100);
    expect(locked()).toEqual([]);
  });

  it('lets two that hold what the other one wants both commit', async () => {
    const crosswise =
      ({ purses }: Process, [first, second]: readonly string[]): (() => Promise<void>) =>
      async () => {
        const one = (await purses.findOneForUpdate(first!))!;
        await new Promise<void>((resolve) => void group.clock.schedule(2, resolve));
        const two = (await purses.findOneForUpdate(second!))!;
        await purses.save({ ...one, balance: one.balance + 1 });
        await purses.save({ ...two, balance: two.balance + 1 });
      };
    const begunAt = group.clock.now();
    await group.drive(
      Promise.all([holder.run(crosswise(holder, [a, b])), other.run(crosswise(other, [b, a]))]),
    );

    expect((await balances()).slice(0, 2)).toEqual([102, 102]);
    expect(group.clock.now() - begunAt).toBeLessThan(300);
  });

  it('waits no longer than the call has time, and leaves nothing then', async () => {
    const waiting = gate();
    const first = holder.run(async () => {
      await holder.purses.findOneForUpdate(a);
      await waiting.opened;
    });
    await group.clock.advance(5);
    const late = watch(other.run(() => other.purses.findOneForUpdate(a), { timeoutMs: 100 }));
    await group.clock.advance(90);
    expect(late).toEqual({});
    await group.clock.advance(10);
    expect(late.error).toBeInstanceOf(TransactionConflictError);
    waiting.open();
    await group.drive(first);
    await group.clock.advance(5);

    expect(locked()).toEqual([]);
  });
});

it('who holds something in the store waits for nobody of his process', async () => {
  const lost = (): Promise<void> => holder.run(() => holder.add(b, 1));
  await group.drive(Promise.all([lost(), lost()]));
  expect(holder.member.runtime.manager.contention).toMatchObject({ hotItems: 1 });
  const waiting = gate();
  const first = watch(
    holder.run(async () => {
      await holder.purses.findOneForUpdate(a);
      await waiting.opened;
      await holder.add(b, 1);
    }),
  );
  const second = watch(
    holder.run(async () => {
      await holder.purses.findOne(b);
      await holder.purses.findOneForUpdate(a);
    }),
  );
  await group.clock.advance(5);
  waiting.open();
  await group.clock.advance(5);

  expect(first).toHaveProperty('value');
  expect(second).toEqual({});
  await group.clock.advance(200);
  expect(second).toHaveProperty('value');
});

it('a lock that is placed when the transaction is over goes again', async () => {
  const waiting = gate();
  holder.member.store.before = ({ method }) => (method === 'prepare' ? waiting.opened : undefined);
  const call = watch(holder.run(() => holder.purses.findOneForUpdate(a), { timeoutMs: 100 }));
  await group.clock.advance(100);
  expect(call.error).toBeInstanceOf(TransactionTimeoutError);
  await group.clock.advance(50);
  waiting.open();
  await group.clock.advance(5);

  expect(holder.member.store.methods).toContain('prepare');
  expect(locked()).toEqual([]);
});

describe('a call that lost several times', () => {
  /** Somebody else writes in the middle of each of its runs, as long as he can. */
  const disturbed = async (
    options: TransactionOptions,
  ): Promise<{ runs: number; error: unknown }> => {
    let runs = 0;
    const work = async (): Promise<void> => {
      runs += 1;
      await holder.add(a, -1);
      await other.set(b, 100 + runs).catch(() => undefined);
      await holder.add(b, 1);
      await other.set(a, 100 + runs).catch(() => undefined);
    };
    const error: unknown = await group
      .drive(holder.run(work, options))
      .catch((thrown: unknown) => thrown);
    return { runs, error };
  };

  it('holds what it touched before it runs again, and commits', async () => {
    expect(await disturbed({})).toEqual({ runs: 5, error: undefined });
    expect((await balances()).slice(0, 2)).toEqual([103, 105]);
    expect(locked()).toEqual([]);
  });

  it('does so after as many attempts as the options say', async () => {
    expect((await disturbed({ retry: { lockAfter: 1 } })).runs).toBe(2);
    expect((await disturbed({ retry: { lockAfter: 3 } })).runs).toBe(4);
  });

  it('gives up without ever having locked where the options say so', async () => {
    const { runs, error } = await disturbed({ retry: { attempts: 6, lockAfter: 6 } });

    expect(runs).toBe(6);
    expect(error).toBeInstanceOf(TransactionConflictError);
  });

  it('holds what it only read, too, and so cannot be passed by', async () => {
    let runs = 0;
    const work = async (): Promise<void> => {
      runs += 1;
      const { balance } = await holder.purses.findOneOrFail(b);
      await other.set(b, 100 + runs).catch(() => undefined);
      await holder.set(a, balance, {});
    };
    await group.drive(holder.run(work));

    expect(runs).toBe(5);
    expect((await balances()).slice(0, 2)).toEqual([104, 104]);
  });
});
