import { ModuleOptionsError } from '../errors/index.js';

const PARTICIPANT = Symbol('nestjs-distributed-tx:participant');

/** A branch as the methods of a participant are told of it. */
export interface BranchInfo {
  /** Unique for ever, and the same at each call: what to give to a service of one's own as idempotency key. */
  readonly id: string;
}

/**
 * What a `@TransactionParticipant()` has to offer: try, confirm, cancel. Each runs as a transaction of its own,
 * which says in the same step that it has happened; so for what it writes through repositories and databases
 * of this library it counts exactly once, whatever is called twice, late, or for nothing.
 *
 * @typeParam P The payload: a JSON value.
 */
export interface TryConfirmCancel<P = never> {
  /** Reserves. Throws to vote no: then the transaction is rolled back, and its caller gets the error. */
  prepare(payload: P, branch: BranchInfo): Promise<void>;
  /** Makes what is reserved final. Must succeed some day: it is repeated until it does. */
  commit(payload: P, branch: BranchInfo): Promise<void>;
  /** Gives back what is reserved. Called only where `prepare` has happened. Repeated until it succeeds. */
  rollback(payload: P, branch: BranchInfo): Promise<void>;
}

export interface TransactionParticipantOptions {
  /**
   * `prepare` does something that no transaction takes back, as a call of another service. It is written down
   * before, and `rollback` is called wherever `prepare` may have begun. @default false
   */
  readonly external?: boolean;
}

export interface TccDefinition {
  readonly name: string;
  readonly external: boolean;
}

/**
 * Makes a provider a participant of transactions, in which it is enlisted by its name:
 * `transactionManager.current()?.enlist('payments', { order, amount })`.
 *
 * @param name Unique in the application; letters, digits, '.', '_' and '-', 40 at most. Records name it.
 */
export function TransactionParticipant(
  name: string,
  { external = false }: TransactionParticipantOptions = {},
) {
  return <P, C extends abstract new (...args: never[]) => TryConfirmCancel<P>>(target: C): void => {
    for (const method of ['prepare', 'commit', 'rollback'] as const) {
      if (typeof (target.prototype as TryConfirmCancel<P>)[method] === 'function') continue;
      throw new ModuleOptionsError(
        `@TransactionParticipant('${name}') ${target.name} has no method ${method}(payload).`,
      );
    }
    const value: TccDefinition = Object.freeze({ name, external });
    Object.defineProperty(target, PARTICIPANT, { value });
  };
}

/** What the decorator said of the class of an instance; undefined for others. */
export function tccDefinitionOf(instance: unknown): TccDefinition | undefined {
  if (typeof instance !== 'object' || instance === null) return undefined;
  const { constructor } = instance as { constructor?: { [PARTICIPANT]?: TccDefinition } };
  return typeof constructor === 'function' ? constructor[PARTICIPANT] : undefined;
}
