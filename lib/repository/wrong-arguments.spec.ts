import { Logger } from '@nestjs/common';
import {
  EntityIdError,
  EntityInvalidError,
  TransactionOptionsError,
  TransactionRolledBackError,
  type DistributedTxError,
} from '../errors/index.js';
import { createTestTransactions } from '../testing/index.js';
import { TxEntity } from './index.js';

@TxEntity({ name: 'tally', counters: ['hits'] })
class Tally {
  id!: string;
  hits!: number;
}

type ErrorClass = abstract new (...args: never[]) => DistributedTxError;

Logger.overrideLogger(false);
const transactions = createTestTransactions();
const { manager } = transactions;
const tallies = transactions.repository(Tally);
const nothing = undefined as never;

describe('an argument that was lost or mistaken is refused by name', () => {
  it.each<[string, ErrorClass, RegExp, () => Promise<unknown>]>([
    [
      'run() without work',
      TransactionOptionsError,
      /transactionManager\.run\(\) takes a function .*not undefined/,
      () => manager.run(nothing),
    ],
    [
      'run() with what is called already',
      TransactionOptionsError,
      /not Promise/,
      () => manager.run(Promise.resolve() as never),
    ],
    [
      'run() of a transaction by hand',
      TransactionOptionsError,
      /transaction\.run\(\) takes a function .*not 5/,
      async () => {
        const transaction = manager.begin();
        try {
          await transaction.run(5 as never);
        } finally {
          await transaction.rollback();
        }
      },
    ],
    [
      'onCommit() without a function',
      TransactionOptionsError,
      /onCommit\(\) takes a function, not 5/,
      () => manager.run(async () => manager.current()!.onCommit(5 as never)),
    ],
    [
      'beforeCommit() with what is called already',
      TransactionOptionsError,
      /beforeCommit\(\) takes a function, not undefined/,
      () => manager.run(async () => manager.current()!.beforeCommit(nothing)),
    ],
    [
      'findMany() without ids',
      EntityIdError,
      /tally: findMany\(\) needs an array of ids, not undefined/,
      () => tallies.findMany(nothing),
    ],
    [
      'findManyOrFail() with one id',
      EntityIdError,
      /not a string/,
      () => tallies.findManyOrFail('a' as never),
    ],
    [
      'update() with null',
      EntityInvalidError,
      /tally: update\(\) needs an object .*not null/,
      () => tallies.update('a', null as never),
    ],
    [
      'update() without a patch',
      EntityInvalidError,
      /not undef/,
      () => tallies.update('a', nothing),
    ],
    [
      'update() with a list',
      EntityInvalidError,
      /an array/,
      () => tallies.update('a', [] as never),
    ],
    [
      'update() with a symbol',
      EntityInvalidError,
      /named by a symbol/,
      () => tallies.update('a', { [Symbol('s')]: 1 } as never),
    ],
    ['save() without an entity', EntityInvalidError, /not undefined/, () => tallies.save(nothing)],
    [
      'increment() by a symbol',
      EntityInvalidError,
      /by is Symbol\(s\)/,
      () => tallies.increment('a', 'hits', Symbol('s') as never),
    ],
  ])('%s', async (_, Class, message, call) => {
    await expect(call()).rejects.toBeInstanceOf(Class);
    await expect(call()).rejects.toThrow(message);
  });

  it.each([
    [null, /null/],
    [undefined, /undefined/],
    [5, /5/],
    [Object.freeze({}), /frozen/],
  ])('bind() of %p', (instance, message) => {
    expect(() => manager.bind(instance as object)).toThrow(TransactionOptionsError);
    expect(() => manager.bind(instance as object)).toThrow(message);
  });

  it('what is no object has no version', () => {
    expect([tallies.versionOf(nothing), tallies.versionOf(null as never)]).toEqual([
      undefined,
      undefined,
    ]);
  });
});

describe('a transaction whose rollback() was called', () => {
  it.each([[new Error('changed my mind')], [undefined]])('says so: %p', async (reason) => {
    const call = manager.run(async () => {
      await tallies.save({ id: 'a', hits: 1 });
      await manager.current()!.rollback(reason);
    });

    await expect(call).rejects.toBeInstanceOf(TransactionRolledBackError);
    await expect(call).rejects.toMatchObject({ cause: reason });
    await expect(call).rejects.toThrow(/because its rollback\(\) was called/);
    await expect(call).rejects.not.toThrow(/inner method/);
    expect(await tallies.exists('a')).toBe(false);
  });

  it('is told from one whose inner method failed', async () => {
    const call = manager.run(async () => {
      await manager.run(() => Promise.reject(new Error('inner'))).catch(() => undefined);
    });

    await expect(call).rejects.toThrow(/by an inner method whose error was caught/);
  });
});
