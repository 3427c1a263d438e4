import type {
  DistributedTxModuleOptions,
  TransactionManager,
  TxRepository,
} from '../../../lib/index.js';
import { DistributedTxRuntime } from '../../../lib/module/distributed-tx.runtime.js';
import { RepositoryFactory } from '../../../lib/module/repository-factory.js';
import { definitionOf } from '../../../lib/repository/entity-definition.js';
import { Tally } from './counting-entities.js';

/** A manager and a repository, without a Nest application around them. */
export interface PlainRuntime {
  readonly manager: TransactionManager;
  readonly tallies: TxRepository<Tally>;
}

export function plainRuntime(options: DistributedTxModuleOptions): PlainRuntime {
  const runtime = new DistributedTxRuntime(options);
  const factory = new RepositoryFactory(runtime);
  return { manager: runtime.manager, tallies: factory.create(definitionOf<Tally>(Tally)) };
}

export function embeddedRuntime(
  options: Omit<DistributedTxModuleOptions, 'store'> = {},
): PlainRuntime {
  return plainRuntime({ store: 'embedded', ...options });
}
