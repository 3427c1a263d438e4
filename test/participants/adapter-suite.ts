import { TransactionClosedError } from '../../lib/errors/index.js';
import type { Participant } from '../../lib/participants/participant.js';
import { Propagation } from '../../lib/transaction/propagation.js';
import type { TransactionOptions } from '../../lib/transaction/transaction-options.js';
import { Gate } from '../nest/support/gate.js';
import { Account } from '../support/entities.js';
import { poll } from '../support/poll.js';
import { TestRuntime } from '../support/test-runtime.js';

/** One adapter over a database with the empty table `t (id int primary key, v int not null)`. */
export interface AdapterScene {
  readonly participant: Participant;
  /** Through the client of the user. */
  readonly insert: (id: number, v?: number) => Promise<unknown>;
  /** Through the client of the user, in ascending order. */
  readonly ids: () => Promise<number[]>;
  readonly valueOf: (id: number) => Promise<number>;
  readonly setValue: (id: number, v: number) => Promise<unknown>;
  /** The adapter's own way to run a transaction; undefined where there is none. */
  readonly transaction?: (work: () => Promise<void>) => Promise<unknown>;
  /** Keeps what it can of the current transaction, and gives a statement on it. */
  readonly capture?: () => () => Promise<unknown>;
  /** How many connections of the pool are in use. */
  readonly inUse: () => number;
  /** A statement that the adapter does not know of; rows as objects. */
  readonly outside: (sql: string) => Promise<readonly Readonly<Record<string, unknown>>[]>;
  readonly close: () => Promise<void>;
}

export interface AdapterSuiteOptions {
  /** Whether reads take locks, so that what is read cannot be changed beside it. @default false */
  readonly readsLock?: boolean;
}

const NESTED: TransactionOptions = { propagation: Propagation.NESTED };
const REQUIRES_NEW: TransactionOptions = { propagation: Propagation.REQUIRES_NEW };

/** What users of every SQL adapter may rely on. Call it where the server is known to be there. */
export function describeAdapter(
  open: () => Promise<AdapterScene>,
  { readsLock = false }: AdapterSuiteOptions = {},
): void {
  let scene: AdapterScene;
  let runtime: TestRuntime;

  beforeEach(async () => {
    scene = await open();
    runtime = await TestRuntime.open({ stores: { default: 'embedded' } }, [scene.participant]);
  });

  afterEach(async () => {
    await runtime.close();
    await scene.close();
  });

  function run<T>(work: () => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    return runtime.manager.run(work, options);
  }

  async function committed(): Promise<number[]> {
    const rows = await scene.outside('SELECT id FROM t ORDER BY id');
    return rows.map(({ id }) => Number(id));
  }

  const failing = new Error('on purpose');
  const fail = (): Promise<never> => Promise.reject(failing);

  it('commits together with an item of the cache', async () => {
    const accounts = runtime.repository(Account);
    await run(async () => {
      await accounts.save({ id: 'a', balance: 1, points: 0 });
      await scene.insert(1);
      expect(await scene.ids()).toEqual([1]);
      expect(await committed()).toEqual([]);
    });

    expect(await committed()).toEqual([1]);
    expect(await run(() => accounts.findOne('a'))).toMatchObject({ balance: 1 });
    expect(scene.inUse()).toBe(0);
  });

  it('rolls back together with an item of the cache', async () => {
    const accounts = runtime.repository(Account);
    const call = run(async () => {
      await scene.insert(1);
      await accounts.save({ id: 'a', balance: 1, points: 0 });
      await fail();
    });

    await expect(call).rejects.toBe(failing);
    expect(await committed()).toEqual([]);
    expect(await run(() => accounts.findOne('a'))).toBeNull();
    expect(scene.inUse()).toBe(0);
  });

  it('works as ever outside of transactions, in a suspended one too', async () => {
    await scene.insert(1);
    await run(async () => {
      await run(() => scene.insert(2), { propagation: Propagation.NOT_SUPPORTED });
      expect(await committed()).toEqual([1, 2]);
    });

    expect(await scene.ids()).toEqual([1, 2]);
  });

  it('takes no connection before it is used, and one for everything at the same time', async () => {
    await run(async () => {
      expect(scene.inUse()).toBe(0);
      await Promise.all([scene.insert(1), scene.insert(2), scene.insert(3)]);
      expect(scene.inUse()).toBe(1);
      await Promise.all([scene.insert(4), scene.ids(), scene.valueOf(1)]);
      expect(scene.inUse()).toBe(1);
    });

    expect(await committed()).toEqual([1, 2, 3, 4]);
  });

  it('waits for a statement that the method did not wait for', async () => {
    await run(async () => {
      await scene.insert(1);
      void scene.insert(2);
    });

    expect(await committed()).toEqual([1, 2]);
  });

  it('keeps what a nested method did, and undoes one that failed', async () => {
    await run(async () => {
      await scene.insert(1);
      await run(() => scene.insert(2), NESTED);
      await run(() => scene.insert(3).then(fail), NESTED).catch(() => undefined);
      await run(() => scene.insert(1), NESTED).catch(() => undefined);
      expect(await scene.ids()).toEqual([1, 2]);
    });

    expect(await committed()).toEqual([1, 2]);
  });

  it('runs REQUIRES_NEW on a connection of its own', async () => {
    const inner = async (): Promise<void> => {
      await scene.insert(2);
      expect(scene.inUse()).toBe(2);
    };
    const call = run(async () => {
      await scene.insert(1);
      await run(inner, REQUIRES_NEW);
      await fail();
    });

    await expect(call).rejects.toBe(failing);
    expect(await committed()).toEqual([2]);
  });

  it('runs a transaction of its own in another one as a part of it', async () => {
    if (scene.transaction === undefined) return;
    const { transaction } = scene;
    await run(async () => {
      await scene.insert(1);
      await transaction(async () => void (await scene.insert(2)));
      expect(await committed()).toEqual([]);
      await expect(transaction(() => scene.insert(3).then(fail))).rejects.toBe(failing);
      expect(scene.inUse()).toBe(1);
    });
    expect(await committed()).toEqual([1, 2]);

    const call = run(async () => {
      await transaction(async () => void (await scene.insert(4)));
      await fail();
    });
    await expect(call).rejects.toBe(failing);
    expect(await committed()).toEqual([1, 2]);
  });

  it('runs a transaction of its own as ever outside of another one', async () => {
    await scene.transaction?.(() => Promise.resolve());
    expect(scene.inUse()).toBe(0);
  });

  it('runs the method again after it lost against another transaction', async () => {
    if (readsLock) return;
    await scene.insert(1, 0);
    let attempts = 0;
    await run(async () => {
      const value = await scene.valueOf(1);
      if (++attempts === 1) await scene.outside('UPDATE t SET v = v + 10 WHERE id = 1');
      await scene.setValue(1, value + 1);
    });

    expect(attempts).toBe(2);
    expect(await scene.valueOf(1)).toBe(11);
  });

  it('gives up a statement that still waits when time is over, and its connection', async () => {
    await scene.insert(1);
    const [held, release] = [new Gate(), new Gate()];
    const holder = run(async () => {
      await scene.setValue(1, 5);
      held.open();
      await release.opened;
    });
    await held.opened;
    const waiting = run(() => scene.setValue(1, 6), { timeoutMs: 400 });

    // Either of them may be the first to say so.
    await expect(waiting).rejects.toThrow(/timeout/);
    await poll(() => scene.inUse() === 1 || undefined, {
      deadlineMs: 3000,
      until: 'its connection is given back',
    });
    release.open();
    await holder;
    expect(await scene.valueOf(1)).toBe(5);
  });

  it('gives the method the error of a statement, and never commits after it', async () => {
    await scene.insert(1);
    let thrown: unknown;
    const call = run(async () => {
      await scene.insert(2);
      await scene.insert(1).catch((error: unknown) => (thrown = error));
    });

    await expect(call).rejects.toThrow();
    expect(thrown).toBeInstanceOf(Error);
    expect(await committed()).toEqual([1]);
    expect(scene.inUse()).toBe(0);
  });

  it('refuses statements on what was kept of a transaction that is over', async () => {
    if (scene.capture === undefined) return;
    const { capture } = scene;
    const late = await run(async () => {
      await scene.insert(1);
      return capture();
    });

    await expect(late()).rejects.toThrow(TransactionClosedError);
    expect(scene.inUse()).toBe(0);
  });

  it('refuses to write in a transaction that only reads', async () => {
    const call = run(() => scene.insert(1), { readOnly: true });

    await expect(call).rejects.toThrow();
    expect(await committed()).toEqual([]);
    expect(await run(() => scene.ids(), { readOnly: true })).toEqual([]);
  });
}
