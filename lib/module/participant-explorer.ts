import { Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type { Participant } from '../participants/participant.js';
import {
  tccDefinitionOf,
  type TccDefinition,
  type TryConfirmCancel,
} from '../tcc/transaction-participant.decorator.js';
import { TccFactory } from './tcc-factory.js';

/** Finds the participants that the modules of the application provide. */
@Injectable()
export class ParticipantExplorer {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly tcc: TccFactory,
  ) {}

  /** Each once, however many tokens it is provided under. */
  find(): readonly Participant[] {
    const found = new Set<Participant>();
    const providers = new Map<TryConfirmCancel<unknown>, TccDefinition>();
    for (const wrapper of this.discovery.getProviders()) {
      if (!wrapper.isDependencyTreeStatic()) continue;
      const instance = wrapper.instance as unknown;
      if (isParticipant(instance)) found.add(instance);
      const definition = tccDefinitionOf(instance);
      if (definition) providers.set(instance as TryConfirmCancel<unknown>, definition);
    }
    for (const [methods, definition] of providers) found.add(this.tcc.create(definition, methods));
    return [...found];
  }
}

/** Whatever has the methods and says what it is capable of; a proxy may have any method one looks for. */
function isParticipant(value: unknown): value is Participant {
  if (typeof value !== 'object' || value === null) return false;
  const { prepare, commit, rollback, capabilities } = value as Partial<Participant>;
  return (
    typeof capabilities?.decides === 'boolean' &&
    typeof capabilities.prepares === 'boolean' &&
    [prepare, commit, rollback].every((method) => typeof method === 'function')
  );
}
