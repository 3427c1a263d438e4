import type { DistributedTxModuleOptions } from '../module/distributed-tx.options.js';
import { DistributedTxRuntime } from '../module/distributed-tx.runtime.js';
import { RepositoryFactory } from '../module/repository-factory.js';
import type { Participant } from '../participants/participant.js';
import { definitionOf, type EntityClass } from '../repository/entity-definition.js';
import type { TxRepository } from '../repository/tx-repository.js';
import { systemClock, type Clock } from '../store/clock.js';
import { EmbeddedStore } from '../store/embedded/embedded-store.js';
import type { TransactionManager } from '../transaction/transaction-manager.js';

/** The options of `forRoot` that mean something where everything is embedded, and the clock. */
export interface TestTransactionsOptions<C extends Clock = Clock> extends Omit<
  DistributedTxModuleOptions,
  'redis' | 'store' | 'stores' | 'clock'
> {
  /** A `ManualClock` moves time-outs, back-offs and expiries by hand. @default the clock of the system */
  readonly clock?: C;
  /** The names of further stores, all of them embedded; `default` is always there. @default none */
  readonly stores?: readonly string[];
  /** What takes part besides the stores. @default none */
  readonly participants?: readonly Participant[];
}

/** Transactions without Nest, over stores in the memory of the test. */
export interface TestTransactions<C extends Clock = Clock> {
  /** Runs the transactions; also binds instances with `@Transactional()` methods. */
  readonly manager: TransactionManager;
  /** The store named `default`. Put values of other programs into it with `setForeign`. */
  readonly store: EmbeddedStore;
  readonly clock: C;
  /**
   * The repository of an entity, the same at each call.
   * @throws EntityDefinitionError for a class without `@TxEntity`, or a name that is taken.
   */
  repository<T extends object>(entity: EntityClass<T>): TxRepository<T>;
  /** Forgets all data of all stores, as between two tests. */
  reset(): void;
}

/**
 * Real transactions and repositories for a unit test, without Nest and without a server.
 * Each call has stores of its own.
 *
 * @throws ModuleOptionsError
 */
export function createTestTransactions<C extends Clock = Clock>(
  options: TestTransactionsOptions<C> = {},
): TestTransactions<C> {
  const { stores: names = [], participants = [], ...rest } = options;
  const stores = new Map<string, EmbeddedStore>();
  const named = [...new Set(['default', ...names])].map((name) => [
    name,
    (context: ConstructorParameters<typeof EmbeddedStore>[0]) => {
      const store = new EmbeddedStore(context);
      stores.set(name, store);
      return store;
    },
  ]);
  const runtime = new DistributedTxRuntime({
    ...rest,
    stores: Object.fromEntries(named) as NonNullable<DistributedTxModuleOptions['stores']>,
  });
  for (const participant of participants) runtime.provide(participant);
  const factory = new RepositoryFactory(runtime);
  const repositories = new Map<EntityClass, TxRepository<object>>();
  return {
    manager: runtime.manager,
    store: stores.get('default')!,
    clock: (options.clock ?? systemClock) as C,
    repository<T extends object>(entity: EntityClass<T>): TxRepository<T> {
      let repository = repositories.get(entity);
      if (repository === undefined) {
        repository = factory.create(definitionOf(entity)) as unknown as TxRepository<object>;
        repositories.set(entity, repository);
      }
      return repository as unknown as TxRepository<T>;
    },
    reset: () => stores.forEach((store) => store.clear()),
  };
}
