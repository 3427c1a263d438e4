import { Injectable } from '@nestjs/common';
import { definitionOf, TxEntity } from '../repository/entity-definition.js';
import type { TxRepository } from '../repository/tx-repository.js';
import { TccParticipant, type EndedBranch, type OpenBranch } from '../tcc/tcc-participant.js';
import type { TccDefinition, TryConfirmCancel } from '../tcc/transaction-participant.decorator.js';
import { DistributedTxRuntime } from './distributed-tx.runtime.js';
import { RepositoryFactory } from './repository-factory.js';

interface BranchRepositories {
  readonly open: TxRepository<OpenBranch>;
  readonly ended: TxRepository<EndedBranch>;
}

/** Makes participants of the providers of one application that say they are. */
@Injectable()
export class TccFactory {
  readonly #runtime: DistributedTxRuntime;
  readonly #repositories: RepositoryFactory;
  #branches: BranchRepositories | undefined;

  constructor(runtime: DistributedTxRuntime, repositories: RepositoryFactory) {
    this.#runtime = runtime;
    this.#repositories = repositories;
  }

  create(definition: TccDefinition, methods: TryConfirmCancel<unknown>): TccParticipant {
    const { manager, clock, options } = this.#runtime;
    this.#branches ??= this.#createBranches();
    const { longestTimeoutMs: maxTimeoutMs } = options.lifetime;
    return new TccParticipant({
      definition,
      methods,
      manager,
      clock,
      maxTimeoutMs,
      ...this.#branches,
    });
  }

  /** Only an application that has such participants has these entities. */
  #createBranches(): BranchRepositories {
    const { stores, options } = this.#runtime;
    const { longestTimeoutMs, marginMs, retentionMs } = options.lifetime;
    const store = stores.has('default') ? 'default' : [...stores.keys()][0]!;
    class Open implements OpenBranch {
      id!: string;
      state!: OpenBranch['state'];
    }
    class Ended implements EndedBranch {
      id!: string;
    }
    TxEntity({ name: 'dtx-branch', store })(Open);
    TxEntity({
      name: 'dtx-ended-branch',
      store,
      ttlMs: longestTimeoutMs + marginMs + retentionMs,
    })(Ended);
    return {
      open: this.#repositories.create(definitionOf(Open)),
      ended: this.#repositories.create(definitionOf(Ended)),
    };
  }
}
