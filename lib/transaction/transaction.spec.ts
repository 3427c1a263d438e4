import type { TxRepository } from '../repository/index.js';
import { TxEntity } from '../repository/index.js';
import {
  TransactionClosedError,
  TransactionConflictError,
  TransactionOptionsError,
  TransactionRolledBackError,
  TransactionTimeoutError,
} from '../errors/index.js';
import { ManualClock } from '../testing/index.js';
import {
  createScriptedTransactions,
  gate,
  watch,
  type ScriptedTransactions,
} from '../../test/support/scripted-store.js';
import { parseAddress, recordKeyOf } from '../store/transaction-address.js';

@TxEntity({ name: 'item', counters: ['stock'] })
class Item {
  id!: string;
  text!: string;
  stock!: number;
}

const item = (id: string, text = 'first'): Item => ({ id, text, stock: 0 }) as Item;

let clock: ManualClock;
let transactions: ScriptedTransactions;
let items: TxRepository<Item>;
let told: string[];

beforeEach(() => {
  clock = new ManualClock();
  transactions = createScriptedTransactions({ clock });
  items = transactions.repository(Item);
  told = [];
});

describe('a transaction begun by hand', () => {
  it('is current only inside of its run, and commits when told to', async () => {
    const transaction = transactions.manager.begin();
    expect(transactions.manager.current()).toBeUndefined();
    await transaction.run(async () => {
      expect(transactions.manager.current()).toBe(transaction);
      await items.save(item('a'));
    });
    await transaction.run(() => items.save(item('b')));
    expect(transactions.store.calls.commit).toBe(0);

    await transaction.commit();

    expect(transaction.status).toBe('committed');
    expect(await items.findManyOrFail(['a', 'b'])).toHaveLength(2);
    expect(clock.pending).toBe(0);
  });

  it('writes nothing when it is rolled back, and may be rolled back again', async () => {
    const transaction = transactions.manager.begin();
    transaction.onRollback((reason) => told.push(String(reason)));
    await transaction.run(() => items.save(item('a')));

    await transaction.rollback('changed my mind');
    await transaction.rollback();

    expect(transaction.status).toBe('rolled_back');
    expect(told).toEqual(['changed my mind']);
    expect(await items.findOne('a')).toBeNull();
  });

  it('fails with the conflict, is rolled back and never retried', async () => {
    await items.save(item('a'));
    const transaction = transactions.manager.begin();
    transaction.onRollback(() => told.push('rolled back'));
    transaction.onCommit(() => told.push('committed'));
    await transaction.run(async () => items.save((await items.findOne('a'))!));
    await items.save(item('a', 'other'));

    await expect(transaction.commit()).rejects.toBeInstanceOf(TransactionConflictError);

    expect(transaction.status).toBe('rolled_back');
    expect(told).toEqual(['rolled back']);
    expect(await items.findOneOrFail('a')).toMatchObject({ text: 'other' });
  });

  it('takes nothing more when it has ended', async () => {
    const transaction = transactions.manager.begin();
    await transaction.commit();

    await expect(transaction.run(() => items.save(item('a')))).rejects.toBeInstanceOf(
      TransactionClosedError,
    );
    await expect(transaction.commit()).rejects.toBeInstanceOf(TransactionClosedError);
    await expect(transaction.rollback()).rejects.toBeInstanceOf(TransactionClosedError);
  });

  it('is rolled back at its deadline, and its signal is aborted', async () => {
    const transaction = transactions.manager.begin({ timeoutMs: 100 });
    transaction.onRollback((reason) => told.push((reason as Error).name));
    const { signal } = transaction;
    await transaction.run(() => items.save(item('a')));
    await clock.advance(99);
    expect(transaction.status).toBe('active');

    await clock.advance(1);

    expect(transaction.status).toBe('rolled_back');
    expect(signal.reason).toBeInstanceOf(TransactionTimeoutError);
    expect(told).toEqual(['TransactionTimeoutError']);
    await expect(transaction.commit()).rejects.toBeInstanceOf(TransactionClosedError);
  });

  it('runs its hooks in order, and may be vetoed', async () => {
    const transaction = transactions.manager.begin();
    transaction.beforeCommit(() => told.push('before'));
    transaction.onCommit(() => told.push('committed'));
    await transaction.commit();
    expect(told).toEqual(['before', 'committed']);

    const vetoed = transactions.manager.begin();
    vetoed.beforeCommit(() => Promise.reject(new Error('veto')));
    await expect(vetoed.commit()).rejects.toThrow('veto');
    expect(vetoed.status).toBe('rolled_back');
  });

  it('is doomed by a method that joined it and failed', async () => {
    const transaction = transactions.manager.begin();
    await transaction.run(async () => {
      await transactions.manager.run(() => Promise.reject(new Error('no'))).catch(() => undefined);
    });

    await expect(transaction.commit()).rejects.toBeInstanceOf(TransactionRolledBackError);
  });

  it('is committed once, and told so once, when two ask for it at the same time', async () => {
    const waiting = gate();
    transactions.store.aroundCommit = async (_, next) => {
      await waiting.opened;
      return next();
    };
    const transaction = transactions.manager.begin();
    transaction.onCommit(() => told.push('committed'));
    transaction.onRollback(() => told.push('rolled back'));
    await transaction.run(() => items.save(item('a')));

    const first = watch(transaction.commit().then(() => 'committed'));
    await clock.advance(0);
    const second = watch(transaction.commit().then(() => 'committed'));
    await clock.advance(0);
    waiting.open();
    await clock.advance(0);

    expect(first).toEqual({ value: 'committed' });
    expect(second.error ?? second.value).toBeDefined();
    expect(told).toEqual(['committed']);
    expect(transaction.status).toBe('committed');
  });

  it('is committed once, and told so once, when it is committed twice in one breath', async () => {
    const transaction = transactions.manager.begin();
    transaction.beforeCommit(() => told.push('before'));
    transaction.onCommit(() => told.push('committed'));
    transaction.onRollback(() => told.push('rolled back'));
    await transaction.run(() => items.save(item('a')));

    const answers = await Promise.allSettled([transaction.commit(), transaction.commit()]);

    expect(answers[0]!.status).toBe('fulfilled');
    expect(told).toEqual(['before', 'committed']);
    expect(transaction.status).toBe('committed');
  });

  it('cannot be rolled back while it commits', async () => {
    const waiting = gate();
    transactions.store.aroundCommit = async (_, next) => {
      await waiting.opened;
      return next();
    };
    const transaction = transactions.manager.begin();
    await transaction.run(() => items.save(item('a')));
    const commit = transaction.commit();
    await clock.advance(0);

    await expect(transaction.rollback()).rejects.toBeInstanceOf(TransactionClosedError);
    waiting.open();
    await commit;
    expect(transaction.status).toBe('committed');
  });
});

describe('a transaction of a method', () => {
  it('cannot be committed by hand', async () => {
    const call = transactions.manager.run(() => transactions.manager.current()!.commit());

    await expect(call).rejects.toBeInstanceOf(TransactionOptionsError);
  });

  it('is doomed by rollback(), with the reason as the cause', async () => {
    const reason = new Error('sold out');
    const call = transactions.manager.run(async () => {
      await items.save(item('a'));
      await transactions.manager.current()!.rollback(reason);
      return 'value';
    });

    await expect(call).rejects.toMatchObject({ name: 'TransactionRolledBackError', cause: reason });
    expect(await items.findOne('a')).toBeNull();
  });

  it('has operations that name node, item, value and version', async () => {
    await items.save(item('a'));
    await transactions.manager.run(async () => {
      const transaction = transactions.manager.current()!;
      const found = await items.findOneOrFail('a');
      await items.save({ ...found, text: 'second' });

      expect(transaction.operations).toMatchObject([
        { kind: 'read', node: 'default', item: 'item:a', version: items.versionOf(found) },
        { kind: 'write', item: 'item:a', version: `2.${transaction.id}` },
      ]);
    });
  });

  it('has a record that names the work and its operations, without values', async () => {
    await items.save(item('a', 'secret'));
    const address = await transactions.manager.run(
      async () => {
        const { address } = transactions.manager.current()!;
        await items.findOneOrFail('a');
        await items.save(item('b', 'secret'));
        await items.increment('a', 'stock', 1);
        return address;
      },
      { name: 'Shop.order' },
    );

    const record = transactions.store.inner.peekRaw(recordKeyOf(parseAddress(address)))!;
    const parsed = JSON.parse(record.slice(record.indexOf('|') + 1)) as Record<string, unknown>;
    expect(parsed).toMatchObject({ name: 'Shop.order', attempt: 1 });
    expect(record).not.toContain('secret');
    expect(JSON.stringify(parsed['operations'])).toContain('item:b');
  });
});

describe('the address of a transaction', () => {
  const manager = () => transactions.manager;

  it('stays the same, and tells the outcome of a commit', async () => {
    let addresses: string[] = [];
    await manager().run(async () => {
      const transaction = manager().current()!;
      addresses = [transaction.address];
      await items.save(item('a'));
      addresses.push(transaction.address);
      expect(await manager().outcomeOf(transaction.address)).toBe('undecided');
      transaction.onCommit(() => addresses.push(transaction.address));
    });

    expect(new Set(addresses).size).toBe(1);
    expect(await manager().outcomeOf(addresses[0]!)).toBe('committed');
  });

  it.each([
    ['that only read', async () => void (await items.findOne('a'))],
    ['that did nothing', async () => undefined],
    [
      'that read twice',
      async () => {
        await items.findOne('a');
        await items.findOne('b');
      },
    ],
  ])('has its commit recorded, of one %s too', async (_, work) => {
    let address = '';
    await manager().run(async () => {
      ({ address } = manager().current()!);
      await work();
    });

    expect(await manager().outcomeOf(address)).toBe('committed');
  });

  it('has its roll back recorded', async () => {
    let address = '';
    const call = manager().run(async () => {
      ({ address } = manager().current()!);
      await items.save(item('a'));
      throw new Error('no');
    });

    await expect(call).rejects.toThrow('no');
    expect(await manager().outcomeOf(address)).toBe('rolled_back');
  });

  it('has its conflict recorded as a roll back, and the next attempt gets one of its own', async () => {
    await items.save(item('a'));
    const addresses: string[] = [];
    const call = manager().run(async () => {
      addresses.push(manager().current()!.address);
      const found = await items.findOneOrFail('a');
      if (addresses.length === 1) {
        await manager().run(() => items.save(item('a', 'other')), { propagation: 'REQUIRES_NEW' });
      }
      await items.save(found);
    });
    await clock.advance(0);
    await call;

    const outcomes = addresses.map((address) => manager().outcomeOf(address));
    expect(await Promise.all(outcomes)).toEqual(['rolled_back', 'committed']);
  });

  it('has its time-out recorded as a roll back', async () => {
    let address = '';
    const answer = watch(
      manager().run(
        () => {
          ({ address } = manager().current()!);
          return new Promise(() => undefined);
        },
        { timeoutMs: 100 },
      ),
    );
    await clock.advance(100);

    expect(answer.error).toBeInstanceOf(TransactionTimeoutError);
    expect(await manager().outcomeOf(address)).toBe('rolled_back');
  });

  it('tells expired when its record is not kept any more', async () => {
    let address = '';
    await manager().run(async () => {
      ({ address } = manager().current()!);
    });
    await clock.advance(5000 + 10_000 + 30_000);

    expect(await manager().outcomeOf(address)).toBe('expired');
  });
});
