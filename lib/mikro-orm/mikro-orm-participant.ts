import { AsyncLocalStorage } from 'node:async_hooks';
import {
  helper,
  TransactionContext,
  type ChangeSet,
  type EntityManager,
  type MikroORM,
  type Primary,
} from '@mikro-orm/core';
import { DistributedTxError, ModuleOptionsError, ParticipantUsageError } from '../errors/index.js';
import {
  override,
  PostgresDialect,
  SqlParticipant,
  type SqlParticipantOptions,
} from '../sql/index.js';
import type { Savepoint } from '../transaction/operation-log.js';
import type { TransactionManager } from '../transaction/transaction-manager.js';
import { BranchContext, followTransactions, type MikroOrmBranch } from './bound-connection.js';
import { MikroOrmConnection, type KnexClient } from './mikro-orm-connection.js';

export interface MikroOrmParticipantOptions extends SqlParticipantOptions {
  /** With the driver of PostgreSQL. It stays yours: close it after the application. */
  readonly orm: MikroORM;
}

/** What one method, or one nested method, has loaded and changed. */
interface Unit {
  readonly branch: MikroOrmBranch;
  readonly manager: EntityManager;
  /** What it has flushed. */
  readonly changes: Set<ChangeSet<object>>;
  /** Runs something in the context that it was made in. */
  readonly inContext: <T>(work: () => T) => T;
}

/** MikroORM would not forget what it has loaded before it runs again. */
const OPTIONS = {
  NESTED: { propagation: 'NESTED' },
  REQUIRES_NEW: { propagation: 'REQUIRES_NEW', retry: { attempts: 1 } },
} as const;

const taken = new WeakSet<MikroORM>();

/**
 * MikroORM over PostgreSQL that takes part in transactions: inside of one, `orm.em`, wherever it was injected, and
 * the repositories over it work in an identity map of the transaction, on its connection. What was not flushed is
 * flushed before the commit. Outside of transactions everything works as ever.
 *
 * - A nested method has an identity map of its own, flushed at its end; when it fails, it is forgotten. What it has
 *   changed is refreshed in the method around it.
 * - `em.transactional()` inside a transaction is a nested method; with propagation REQUIRES_NEW a transaction of its own.
 * - What was loaded in a transaction cannot load more after it has ended.
 *
 * MikroORM is told by overriding `getContext` of `orm.em`, the methods of its write connection that run
 * statements and transactions, and `convertException` of its driver: of these instances, until the application closes.
 */
export class MikroOrmParticipant extends SqlParticipant<MikroOrmConnection> {
  readonly orm: MikroORM;
  readonly #units = new WeakMap<Savepoint | MikroOrmBranch, Unit>();
  readonly #contextOutside: EntityManager['getContext'];
  readonly #restore: readonly (() => void)[];
  #manager: TransactionManager | undefined;

  /** @throws ModuleOptionsError for another driver, or an ORM that takes part already. */
  constructor({ orm, ...options }: MikroOrmParticipantOptions) {
    super(new PostgresDialect(), options);
    requirePostgres(orm, options.name);
    if (taken.has(orm)) {
      throw new ModuleOptionsError(
        `The ORM of participant ${options.name} belongs to another participant. Give each its own.`,
      );
    }
    taken.add(orm);
    this.orm = orm;
    this.#contextOutside = orm.em.getContext.bind(orm.em);
    const driver = orm.em.getDriver();
    const convert = driver.convertException.bind(driver);
    this.#restore = [
      override(orm.em, 'getContext', (validate) => this.#contextOf(validate)),
      override(driver, 'convertException', (error) =>
        error instanceof DistributedTxError ? (error as never) : convert(error),
      ),
      followTransactions(orm.em.getConnection('write'), {
        current: () => this.current(),
        savepoint: () => this.#savepoint,
        flush: async (branch) => this.#units.get(this.#savepoint ?? branch)?.manager.flush(),
        run: (work, propagation) => this.#manager!.run(work, OPTIONS[propagation]),
      }),
    ];
    this.#joinNestedMethods();
  }

  /** @internal */
  override bindTo(manager: TransactionManager): void {
    super.bindTo(manager);
    this.#manager = manager;
  }

  /** MikroORM is as it was before. */
  close(): Promise<void> {
    if (taken.delete(this.orm)) for (const restore of this.#restore) restore();
    return Promise.resolve();
  }

  protected connect(): Promise<MikroOrmConnection> {
    return MikroOrmConnection.take(clientOf(this.orm));
  }

  protected override async canPrepare(connection: MikroOrmConnection): Promise<boolean> {
    const [row] = await connection.execute('SHOW max_prepared_transactions');
    return Number(row?.['max_prepared_transactions']) > 0;
  }

  get #savepoint(): Savepoint | undefined {
    return this.#manager?.scope()?.savepoint;
  }

  #contextOf(validate: boolean | undefined): EntityManager {
    const { em, config } = this.orm;
    const own = TransactionContext.getEntityManager(em.name);
    const ownContext = BranchContext.of(own);
    const branch = this.current();
    if (branch === undefined) {
      // A transaction that is suspended is not the one to work in.
      return ownContext === undefined
        ? this.#contextOutside(validate)
        : (config.get('context')(em.name) ?? em);
    }
    const savepoint = this.#savepoint;
    const isCurrent = ownContext?.branch === branch && ownContext.savepoint === savepoint;
    return isCurrent ? own! : this.#unitOf(branch, savepoint).manager;
  }

  #unitOf(branch: MikroOrmBranch, savepoint: Savepoint | undefined): Unit {
    const unit = this.#units.get(savepoint ?? branch) ?? this.#newUnit(branch, savepoint);
    // Whoever commits by hand takes it away.
    if (BranchContext.of(unit.manager) === undefined) {
      unit.manager.setTransactionContext(new BranchContext(branch, savepoint) as never);
    }
    return unit;
  }

  #newUnit(branch: MikroOrmBranch, savepoint: Savepoint | undefined): Unit {
    const around = this.#unitAround(branch, savepoint)?.manager ?? this.#contextOutside(false);
    // It has the filters, the schema and the logger of the request.
    const manager = around.fork({ disableContextResolution: true, cloneEventManager: true });
    const unit: Unit = {
      branch,
      manager,
      changes: new Set(),
      inContext: AsyncLocalStorage.snapshot(),
    };
    manager.getEventManager().registerSubscriber({
      afterFlush: ({ em, uow }) => {
        if (em !== manager) return;
        for (const change of uow.getChangeSets()) unit.changes.add(change);
      },
    });
    const { transaction } = branch;
    transaction.beforeCommit(async () => {
      if (transaction.rollbackMarks.first() === undefined) await manager.flush();
    });
    this.#units.set(savepoint ?? branch, unit);
    // What takes no part is not told that the nested method ends; it is doomed if this fails.
    if (savepoint !== undefined) branch.run(() => Promise.resolve()).catch(() => undefined);
    return unit;
  }

  /** Of the method around a nested one, as far as it has any. */
  #unitAround(branch: MikroOrmBranch, savepoint: Savepoint | undefined): Unit | undefined {
    if (savepoint === undefined) return undefined;
    for (let one = savepoint.parent; one !== undefined; one = one.parent) {
      const unit = this.#units.get(one);
      if (unit !== undefined) return unit;
    }
    return this.#units.get(branch);
  }

  /** Before its savepoint is released, so that the method around it finds what it did. */
  #joinNestedMethods(): void {
    const { savepoints } = this;
    const release = savepoints.release.bind(savepoints);
    savepoints.release = async (branch, savepoint) => {
      const unit = this.#units.get(savepoint as Savepoint);
      if (unit !== undefined) await unit.inContext(() => this.#join(unit, savepoint as Savepoint));
      await release(branch, savepoint);
    };
  }

  async #join(unit: Unit, savepoint: Savepoint): Promise<void> {
    await unit.manager.flush();
    const around = this.#unitAround(unit.branch, savepoint);
    if (around === undefined) return;
    for (const change of unit.changes) {
      await refresh(around.manager, change, this.name);
      around.changes.add(change);
    }
  }
}

/** @throws ParticipantUsageError where it was changed there, too: one of the changes would be lost. */
async function refresh(
  manager: EntityManager,
  change: ChangeSet<object>,
  name: string,
): Promise<void> {
  const key = change.getPrimaryKey() as Primary<{ id: string }> | null;
  const known = key === null ? undefined : manager.getUnitOfWork().getById(change.name, key);
  if (known === undefined) return;
  if (helper(known).isTouched()) {
    throw new ParticipantUsageError(
      `A nested method has changed a ${change.name} of ${name} that the method around it had changed before, and ` +
        'not flushed. Flush before the nested method is called.',
    );
  }
  await manager.refresh(known);
}

function clientOf(orm: MikroORM): KnexClient {
  const connection = orm.em.getConnection('write') as unknown as {
    getKnex(): { readonly client: KnexClient };
  };
  return connection.getKnex().client;
}

function requirePostgres({ em }: MikroORM, name: string): void {
  const { name: className } = em.getDriver().constructor;
  if (className === 'PostgreSqlDriver' && 'getKnex' in em.getConnection('write')) return;
  throw new ModuleOptionsError(
    `The driver of participant ${name} is ${className}; allowed is the PostgreSqlDriver of MikroORM 6.`,
  );
}
