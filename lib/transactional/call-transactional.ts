import { isObservable, Observable } from 'rxjs';
import { TransactionalReturnTypeError, TransactionManagerMissingError } from '../errors/index.js';
import { readManagerSlot } from '../transaction/manager-slot.js';
import { TransactionManager } from '../transaction/transaction-manager.js';
import type { TransactionOptions } from '../transaction/transaction-options.js';
import { ObservedCall } from './observed-call.js';

/** A decorated method. */
export interface TransactionalTarget {
  readonly original: (...args: unknown[]) => unknown;
  readonly options: TransactionOptions;
  readonly className: string;
  readonly methodName: string;
  /** A class covers its helpers too: inside a transaction they may return what they like. */
  readonly passesPlainValues: boolean;
  /** What TypeScript has noted as the return type, if it has. */
  readonly declaredType: unknown;
}

/** Calls a decorated method as a transaction: a Promise for a Promise, an Observable for an Observable. */
export function callTransactional(
  target: TransactionalTarget,
  instance: object,
  args: unknown[],
): unknown {
  const manager = managerOf(instance);
  if (manager === undefined) {
    const missing = new TransactionManagerMissingError(target.className, target.methodName);
    // A helper's caller, often the constructor, waits for nothing and would not see a rejection.
    if (target.passesPlainValues && !isAsync(target.original)) throw missing;
    return inDeclaredType(target, Promise.reject(missing));
  }
  const call = (): unknown => target.original.apply(instance, args);
  return target.passesPlainValues ? runCovered(manager, target, call) : run(manager, target, call);
}

function managerOf(instance: object | undefined): TransactionManager | undefined {
  const manager = instance === undefined ? undefined : readManagerSlot(instance);
  return manager instanceof TransactionManager ? manager : undefined;
}

/** The first attempt shows what the method returns, before this function does. */
function run(
  manager: TransactionManager,
  target: TransactionalTarget,
  call: () => unknown,
): unknown {
  let observed: ObservedCall | undefined;
  const promise = manager.execute(
    () => {
      if (observed !== undefined) return observed.attempt();
      const returned = call();
      if (!isObservable(returned)) return requireThenable(returned, target);
      observed = new ObservedCall(manager, target.options, call);
      return observed.follow(returned);
    },
    target.options,
    () => observed?.mayRetry ?? true,
  );
  return observed === undefined ? inDeclaredType(target, promise) : observed.toObservable(promise);
}

/**
 * A method that its class covers may be a helper without a Promise: inside a transaction it works as
 * ever; outside of one it is refused at once, since its caller waits for nothing.
 */
function runCovered(
  manager: TransactionManager,
  target: TransactionalTarget,
  call: () => unknown,
): unknown {
  const inside = manager.scope() !== undefined;
  let plain: { readonly value: unknown } | undefined;
  let thrown: { readonly error: unknown } | undefined;
  const returned = run(manager, target, () => {
    try {
      const value = call();
      if (isObservable(value) || isThenable(value)) return value;
      plain = { value };
    } catch (error) {
      if (inside) thrown = { error };
      throw error;
    }
    if (inside) return Promise.resolve();
    const error = refusalOf(plain.value, target);
    thrown = { error };
    throw error;
  });
  if (plain === undefined && thrown === undefined) return returned;
  if (returned instanceof Promise) returned.catch(() => undefined);
  if (thrown !== undefined) throw (thrown as { readonly error: unknown }).error;
  return (plain as { readonly value: unknown } | undefined)?.value;
}

function requireThenable(returned: unknown, target: TransactionalTarget): Promise<unknown> {
  if (isThenable(returned)) return returned as Promise<unknown>;
  throw refusalOf(returned, target);
}

function refusalOf(returned: unknown, target: TransactionalTarget): TransactionalReturnTypeError {
  return new TransactionalReturnTypeError(`${target.className}.${target.methodName}()`, returned);
}

function isAsync(method: (...args: unknown[]) => unknown): boolean {
  return method.constructor.name === 'AsyncFunction';
}

function isThenable(value: unknown): boolean {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}

/** A method that failed before it returned its Observable fails as an Observable. */
function inDeclaredType(target: TransactionalTarget, promise: Promise<unknown>): unknown {
  if (target.declaredType !== Observable) return promise;
  promise.catch(() => undefined);
  return new Observable((subscriber) => {
    promise.then(
      () => subscriber.complete(),
      (error: unknown) => subscriber.error(error),
    );
  });
}
