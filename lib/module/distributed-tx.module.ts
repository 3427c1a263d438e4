import {
  Module,
  type DynamicModule,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { DiscoveryModule, ModulesContainer } from '@nestjs/core';
import { RecoveryService } from '../commit/recovery-service.js';
import { ModuleOptionsError } from '../errors/index.js';
import { definitionOf, type EntityClass } from '../repository/entity-definition.js';
import { TransactionManager } from '../transaction/transaction-manager.js';
import { TransactionalExplorer } from '../transactional/transactional.explorer.js';
import {
  ConfigurableModuleClass,
  MODULE_OPTIONS_TOKEN,
  type OPTIONS_TYPE,
} from './distributed-tx.module-definition.js';
import type { DistributedTxModuleOptions } from './distributed-tx.options.js';
import { DistributedTxRuntime } from './distributed-tx.runtime.js';
import { ParticipantExplorer } from './participant-explorer.js';
import { RepositoryFactory } from './repository-factory.js';
import { TccFactory } from './tcc-factory.js';

/** Holds the repositories of one `forFeature`. */
@Module({})
export class DistributedTxFeatureModule {}

/**
 * Distributed transactions for a Nest application: `forRoot` (or `forRootAsync`) once, `forFeature`
 * in each module for the entities it works with.
 */
@Module({
  imports: [DiscoveryModule],
  providers: [
    {
      provide: DistributedTxRuntime,
      inject: [MODULE_OPTIONS_TOKEN, ModulesContainer],
      useFactory: (options: DistributedTxModuleOptions, modules: ModulesContainer) => {
        refuseSecondRoot(modules);
        return new DistributedTxRuntime(options);
      },
    },
    {
      provide: TransactionManager,
      inject: [DistributedTxRuntime],
      useFactory: (runtime: DistributedTxRuntime) => runtime.manager,
    },
    {
      provide: RecoveryService,
      inject: [DistributedTxRuntime],
      useFactory: (runtime: DistributedTxRuntime) => runtime.recovery,
    },
    RepositoryFactory,
    TransactionalExplorer,
    ParticipantExplorer,
    TccFactory,
  ],
  exports: [TransactionManager, RecoveryService, DistributedTxRuntime, RepositoryFactory],
})
export class DistributedTxModule
  extends ConfigurableModuleClass
  implements OnModuleInit, OnApplicationShutdown
{
  constructor(
    private readonly runtime: DistributedTxRuntime,
    private readonly explorer: TransactionalExplorer,
    private readonly participants: ParticipantExplorer,
  ) {
    super();
  }

  /**
   * Configures the one manager of the application and its stores.
   * @throws ModuleOptionsError when the application starts: names the option, its value and what is allowed.
   *   StoreUnavailableError, StoreRefusedError when the application is initialised.
   */
  static override forRoot(options: typeof OPTIONS_TYPE): DynamicModule {
    // Without any options Nest would fail on them before they can be refused in our words.
    return super.forRoot((options as typeof OPTIONS_TYPE | undefined) ?? {});
  }

  /**
   * Provides a `TxRepository` for each entity, to be injected with `@InjectTxRepository`. A root that is
   * not global is handed to it: `const root = forRoot({ …, isGlobal: false })`, and in each module
   * `imports: [root, forFeature([Account], { imports: [root] })]`.
   */
  static forFeature(
    entities: readonly EntityClass[],
    { imports = [] }: Pick<DynamicModule, 'imports'> = {},
  ): DynamicModule {
    const providers = entities.map(definitionOf).map((definition) => ({
      provide: definition.token,
      inject: [{ token: RepositoryFactory, optional: true }],
      useFactory: (factory: RepositoryFactory | undefined) => {
        if (factory !== undefined) return factory.create(definition);
        throw new ModuleOptionsError(
          `The repository of ${definition.entityClass.name} needs DistributedTxModule.forRoot() in the root module ` +
            '(or, with isGlobal: false, handed to it: forFeature([…], { imports: [root] })).',
        );
      },
    }));
    return {
      module: DistributedTxFeatureModule,
      imports,
      providers,
      exports: providers.map(({ provide }) => provide),
    };
  }

  /**
   * Not before: where a start fails while providers are made, Nest calls nothing that could close what
   * is open. A global module, and one that others import, is initialised before them.
   */
  async onModuleInit(): Promise<void> {
    await this.runtime.open(this.participants.find());
  }

  /** Runs after the servers of the application have closed, so that nothing in flight is cut off. */
  async onApplicationShutdown(): Promise<void> {
    await this.runtime.close();
    this.explorer.release();
  }
}

/** @throws ModuleOptionsError */
function refuseSecondRoot(modules: ModulesContainer): void {
  const roots = [...modules.values()].filter((module) => module.metatype === DistributedTxModule);
  if (roots.length === 1) return;
  throw new ModuleOptionsError(
    'DistributedTxModule.forRoot() is imported more than once. Import it once, in the root module; ' +
      'for several stores use forRoot({ stores }).',
  );
}
