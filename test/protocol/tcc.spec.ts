import { DistributedTxRuntime } from '../../lib/module/distributed-tx.runtime.js';
import { RepositoryFactory } from '../../lib/module/repository-factory.js';
import { TccFactory } from '../../lib/module/tcc-factory.js';
import {
  ParticipantRefusedError,
  ParticipantUsageError,
  TransactionConflictError,
} from '../../lib/errors/index.js';
import { Branch } from '../../lib/participants/branch.js';
import { definitionOf } from '../../lib/repository/entity-definition.js';
import type { TxRepository } from '../../lib/repository/tx-repository.js';
import type { TccParticipant } from '../../lib/tcc/tcc-participant.js';
import { TransactionParticipant } from '../../lib/tcc/transaction-participant.decorator.js';
import { Purse } from '../support/spread-entities.js';

interface Payment {
  readonly account: string;
  readonly amount: number;
}

class Declined extends Error {}

/** Reserves money on an account: what is reserved is gone until it is given back. */
class Payments {
  readonly calls: string[] = [];

  constructor(
    private readonly accounts: TxRepository<Purse>,
    private readonly trouble: { before?: (step: string) => Promise<void> } = {},
  ) {}

  async prepare({ account, amount }: Payment): Promise<void> {
    await this.#enter('prepare');
    const found = await this.accounts.findOneOrFail(account);
    if (found.balance < amount) throw new Declined(account);
    await this.accounts.save({ ...found, balance: found.balance - amount });
  }

  async commit(): Promise<void> {
    await this.#enter('commit');
  }

  async rollback({ account, amount }: Payment): Promise<void> {
    await this.#enter('rollback');
    const found = await this.accounts.findOneOrFail(account);
    await this.accounts.save({ ...found, balance: found.balance + amount });
  }

  async #enter(step: string): Promise<void> {
    this.calls.push(step);
    await this.trouble.before?.(step);
  }
}

describe('a provider that reserves, confirms and gives back', () => {
  let runtime: DistributedTxRuntime;
  let accounts: TxRepository<Purse>;
  let payments: Payments;
  let participant: TccParticipant;
  let trouble: { before?: (step: string) => Promise<void> };
  let external: boolean;

  beforeEach(async () => {
    external = false;
    await start();
  });

  afterEach(() => runtime.close());

  async function start(): Promise<void> {
    await runtime?.close();
    runtime = new DistributedTxRuntime({
      store: 'embedded',
      recovery: { enabled: false },
      defaults: { retry: { attempts: 3, backoffMs: 0 } },
    });
    const factory = new RepositoryFactory(runtime);
    accounts = factory.create(definitionOf(Purse));
    trouble = {};
    payments = new Payments(accounts, trouble);
    const methods = payments as never;
    participant = new TccFactory(runtime, factory).create({ name: 'payments', external }, methods);
    await runtime.open([participant]);
    for (const id of ['anna', 'order']) await accounts.save({ id, balance: 100, points: 0 });
  }

  const balance = async (id: string): Promise<number> => (await accounts.findOneOrFail(id)).balance;

  function order(amount: number): Promise<void> {
    return runtime.manager.run(async () => {
      runtime.manager.current()!.enlist('payments', { account: 'anna', amount });
      const found = await accounts.findOneOrFail('order');
      await accounts.save({ ...found, balance: found.balance + amount });
    });
  }

  async function branch(amount = 30): Promise<Branch> {
    const cache = await runtime.coordinator.store.identity(until());
    const deadlineAtMs = Date.now() + 60_000;
    const address = { id: `tcc-${Math.random().toString(36).slice(2)}`, home: '0', deadlineAtMs };
    const payload = { account: 'anna', amount };
    return new Branch('payments', 1, payload, { cache, address });
  }

  const until = (): number => runtime.clock.now() + 5000;

  it('commits with the items of the transaction', async () => {
    await order(30);
    expect([await balance('anna'), await balance('order')]).toEqual([70, 130]);
    await runtime.close();

    expect(payments.calls).toEqual(['prepare', 'commit']);
  });

  it('refuses with an error of its own, which the caller gets, and nothing is written', async () => {
    await expect(order(1000)).rejects.toBeInstanceOf(Declined);

    expect([await balance('anna'), await balance('order')]).toEqual([100, 100]);
    expect(payments.calls).toEqual(['prepare']);
  });

  it('gives back what it has reserved where another one refuses', async () => {
    const call = runtime.manager.run(async () => {
      const transaction = runtime.manager.current()!;
      transaction.enlist('payments', { account: 'anna', amount: 30 });
      transaction.enlist('payments', { account: 'anna', amount: 1000 });
      await accounts.save({ id: 'order', balance: 0, points: 0 });
    });

    await expect(call).rejects.toBeInstanceOf(Declined);
    expect([await balance('anna'), await balance('order')]).toEqual([100, 100]);
  });

  it('is asked for nothing where the method throws', async () => {
    const call = runtime.manager.run(async () => {
      runtime.manager.current()!.enlist('payments', { account: 'anna', amount: 30 });
      throw new Declined('by the method');
    });

    await expect(call).rejects.toBeInstanceOf(Declined);
    expect(payments.calls).toEqual([]);
  });

  it('loses against another transaction on its own data, and the call runs again', async () => {
    let met = 0;
    trouble.before = async (step) => {
      if (step !== 'prepare' || met++ > 12) return;
      // Nobody retries for ever: three attempts of the participant for each of the call.
      const seen = await accounts.findOneOrFail('anna');
      await runtime.manager.run(() => accounts.save({ ...seen, points: seen.points + 1 }), {
        propagation: 'REQUIRES_NEW',
      });
    };

    await expect(order(30)).rejects.toMatchObject({
      name: 'ParticipantConflictError',
      cause: expect.any(TransactionConflictError) as Error,
    });
    expect(await balance('order')).toBe(100);
  });

  it('does nothing twice', async () => {
    const one = await branch();
    for (const step of ['prepare', 'prepare', 'commit', 'commit'] as const) {
      await participant[step](one, until());
    }

    expect(payments.calls).toEqual(['prepare', 'commit']);
    expect(await balance('anna')).toBe(70);
  });

  it('is not asked to give back what it never reserved, and refuses to reserve it late', async () => {
    const one = await branch();
    await participant.rollback(one, until());
    await participant.rollback(one, until());

    await expect(participant.prepare(one, until())).rejects.toBeInstanceOf(ParticipantRefusedError);
    expect(payments.calls).toEqual([]);
    expect(await balance('anna')).toBe(100);
  });

  it('is not asked to give back what it began to reserve, since that is undone', async () => {
    const one = await branch(1000);
    await expect(participant.prepare(one, until())).rejects.toBeInstanceOf(Declined);
    await participant.rollback(one, until());

    expect(payments.calls).toEqual(['prepare']);
  });

  it('is asked to give back what it began to reserve elsewhere', async () => {
    external = true;
    await start();
    const one = await branch(1000);
    await expect(participant.prepare(one, until())).rejects.toBeInstanceOf(Declined);
    await participant.rollback(one, until());

    expect(payments.calls).toEqual(['prepare', 'rollback']);
  });

  it('refuses a name nobody has, and a payload that is no JSON', async () => {
    const enlist = (name: string, payload: unknown) =>
      runtime.manager.run(async () => void runtime.manager.current()!.enlist(name, payload));
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;

    for (const [name, payload] of [
      ['paymnts', {}],
      ['payments', cycle],
      ['payments', () => undefined],
      ['payments', 1n],
    ] as const) {
      await expect(enlist(name, payload)).rejects.toBeInstanceOf(ParticipantUsageError);
    }
  });

  it('must have all three methods', () => {
    class Half {
      async prepare(): Promise<void> {}
    }

    expect(() => TransactionParticipant('half')(Half as never)).toThrow(/has no method commit/);
  });
});
