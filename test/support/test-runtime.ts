import { Logger } from '@nestjs/common';
import type { RecoveryService } from '../../lib/commit/recovery-service.js';
import type { DistributedTxModuleOptions } from '../../lib/module/distributed-tx.options.js';
import { DistributedTxRuntime } from '../../lib/module/distributed-tx.runtime.js';
import { RepositoryFactory } from '../../lib/module/repository-factory.js';
import { definitionOf, type EntityClass } from '../../lib/repository/entity-definition.js';
import type { TxRepository } from '../../lib/repository/tx-repository.js';
import type { Participant } from '../../lib/participants/participant.js';
import type { VersionedStore } from '../../lib/store/versioned-store.js';
import type { TransactionManager } from '../../lib/transaction/transaction-manager.js';

/**
 * The library without Nest's container: a manager and repositories over one store.
 *
 * jest-circus fails the running test on every unhandled rejection of the process (seen with jest 30;
 * the `process` of a spec is a copy, on which a listener of one's own would hear nothing), and a
 * worker process dies of one; so no spec has to listen for them.
 */
export class TestRuntime {
  readonly #runtime: DistributedTxRuntime;
  readonly #repositories: RepositoryFactory;

  /** @throws StoreUnavailableError, StoreRefusedError */
  static async open(
    options: DistributedTxModuleOptions,
    participants: readonly Participant[] = [],
  ): Promise<TestRuntime> {
    Logger.overrideLogger(false);
    return new TestRuntime(await new DistributedTxRuntime(options).open(participants));
  }

  private constructor(runtime: DistributedTxRuntime) {
    this.#runtime = runtime;
    this.#repositories = new RepositoryFactory(runtime);
  }

  get manager(): TransactionManager {
    return this.#runtime.manager;
  }

  get store(): VersionedStore {
    return this.#runtime.coordinator.store;
  }

  /** Finishes what dead instances left behind. */
  get recovery(): RecoveryService {
    return this.#runtime.recovery;
  }

  repository<T extends object>(entityClass: EntityClass<T>): TxRepository<T> {
    return this.#repositories.create(definitionOf(entityClass));
  }

  close(): Promise<void> {
    return this.#runtime.close();
  }
}
