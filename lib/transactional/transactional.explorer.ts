import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { fillManagerSlot, MANAGER_SLOT, readManagerSlot } from '../transaction/manager-slot.js';
import { TransactionManager } from '../transaction/transaction-manager.js';

/**
 * Nest injects properties only into what it constructs itself. This gives the manager to the
 * singletons that factories and values have provided.
 */
@Injectable()
export class TransactionalExplorer implements OnModuleInit {
  readonly #bound: object[] = [];

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly manager: TransactionManager,
  ) {}

  /** @throws TransactionManagerMismatchError for an instance of another application. */
  onModuleInit(): void {
    const wrappers = [...this.discovery.getProviders(), ...this.discovery.getControllers()];
    for (const wrapper of wrappers) {
      if (!wrapper.isDependencyTreeStatic()) continue;
      const instance = wrapper.instance as unknown;
      if (typeof instance !== 'object' || instance === null || !(MANAGER_SLOT in instance))
        continue;
      if (readManagerSlot(instance) === this.manager) continue;
      this.#bound.push(this.manager.bind(instance));
    }
  }

  /** A value may outlive its application, and be given to the next one. */
  release(): void {
    for (const instance of this.#bound.splice(0)) fillManagerSlot(instance, undefined);
  }
}
