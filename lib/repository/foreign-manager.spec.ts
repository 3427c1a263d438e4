import { Logger } from '@nestjs/common';
import { TransactionClosedError, TransactionManagerMismatchError } from '../errors/index.js';
import { createTestTransactions } from '../testing/index.js';
import { TxEntity } from './index.js';

@TxEntity({ name: 'note' })
class Note {
  id!: string;
}

Logger.overrideLogger(false);
const [own, other] = [createTestTransactions(), createTestTransactions()];
const [notes, others] = [own.repository(Note), other.repository(Note)];

beforeEach(() => [own, other].forEach((transactions) => transactions.reset()));

describe('a repository of another manager', () => {
  it('is refused in a transaction, instead of writing beside it', async () => {
    const call = own.manager.run(async () => {
      await notes.save({ id: 'a' });
      await others.save({ id: 'a' });
    });

    await expect(call).rejects.toBeInstanceOf(TransactionManagerMismatchError);
    await expect(call).rejects.toThrow(/repository of note.*another TransactionManager/s);
    expect([await notes.exists('a'), await others.exists('a')]).toEqual([false, false]);
  });

  it('is refused in a transaction that was begun by hand', async () => {
    const transaction = own.manager.begin();

    const call = transaction.run(() => others.findOne('a'));

    await expect(call).rejects.toBeInstanceOf(TransactionManagerMismatchError);
    await transaction.rollback();
  });

  it('works in a transaction of its own manager that was asked for', async () => {
    await own.manager.run(async () => {
      await notes.save({ id: 'a' });
      await other.manager.run(async () => {
        await others.save({ id: 'b' });
        await notes.save({ id: 'c' });
      });
      expect(await notes.exists('c')).toBe(true);
    });

    expect([await notes.exists('a'), await notes.exists('c')]).toEqual([true, true]);
    expect([await others.exists('b'), await others.exists('c')]).toEqual([true, false]);
  });

  it('works beside transactions that run elsewhere, and after one has ended', async () => {
    let finish!: () => void;
    const elsewhere = own.manager.run(() => new Promise<void>((resolve) => (finish = resolve)));
    await others.save({ id: 'a' });
    finish();
    await elsewhere;

    let late: Promise<unknown>[] = [];
    await own.manager.run(async () => {
      const later = new Promise((resolve) => setImmediate(resolve));
      late = [later.then(() => others.findOne('a')), later.then(() => notes.findOne('a'))];
    });

    await expect(late[0]).resolves.toEqual({ id: 'a' });
    await expect(late[1]).rejects.toBeInstanceOf(TransactionClosedError);
  });

  it('works in a hook that runs when the transaction has ended', async () => {
    await own.manager.run(async () => {
      own.manager.current()!.onCommit(async () => void (await others.save({ id: 'hook' })));
    });

    expect(await others.exists('hook')).toBe(true);
  });

  it('works where the transaction of the other one is suspended', async () => {
    await own.manager.run(() =>
      own.manager.run(() => others.save({ id: 'a' }), { propagation: 'NOT_SUPPORTED' }),
    );

    expect(await others.exists('a')).toBe(true);
  });
});
