import 'reflect-metadata';
import { Inject, Optional } from '@nestjs/common';
import type { Observable } from 'rxjs';
import { TransactionOptionsError } from '../errors/index.js';
import { fillManagerSlot, MANAGER_SLOT } from '../transaction/manager-slot.js';
import {
  LONGEST_TIMEOUT_MS,
  validateOptionsOf,
  type TransactionOptions,
} from '../transaction/transaction-options.js';
import { TransactionManager } from '../transaction/transaction-manager.js';
import { callTransactional } from './call-transactional.js';

type TransactionalMethod = (...args: never[]) => Promise<unknown> | Observable<unknown>;

/** Fits methods that return a Promise or an Observable, and classes. */
export interface TransactionalDecorator {
  <M extends TransactionalMethod>(
    prototype: object,
    method: string | symbol,
    descriptor: TypedPropertyDescriptor<M>,
  ): void;
  (target: abstract new (...args: never[]) => object): void;
}

/** On a wrapper: the method that a class covered; nothing where the method has its own decorator. */
const COVERED = Symbol('nestjs-distributed-tx:covered');

type Method = (...args: unknown[]) => unknown;

/** Nest calls these on its own; they are no business methods. */
const LIFECYCLE_HOOKS: ReadonlySet<string> = new Set([
  'onModuleInit',
  'onModuleDestroy',
  'onApplicationBootstrap',
  'beforeApplicationShutdown',
  'onApplicationShutdown',
  // Those of gateways.
  'afterInit',
  'handleConnection',
  'handleDisconnect',
]);

/**
 * Makes a method one transaction: it commits when the method's Promise resolves or its Observable
 * completes, and rolls back when it throws. After a conflict the whole method runs again.
 *
 * On a class it covers all methods, inherited ones included, but for the constructor, accessors and
 * Nest's lifecycle hooks; the decorator of a method replaces that of its class, and that of a class
 * the one of the class it extends.
 *
 * @throws TransactionOptionsError on properties, accessors and static methods, without parentheses,
 *   and for options that no module allows: names the class, the method, the option and its value.
 */
export function Transactional(options?: TransactionOptions): TransactionalDecorator;
export function Transactional(
  options: TransactionOptions = {},
  ...place: readonly [method?: string | symbol, descriptor?: unknown]
): TransactionalDecorator {
  if (place.length > 0 || typeof options === 'function') {
    throw new TransactionOptionsError(
      `@Transactional stands on ${nameOf(options, place[0])} without parentheses; write @Transactional().`,
    );
  }
  return (
    target: object | (abstract new (...args: never[]) => object),
    method?: string | symbol,
    descriptor?: PropertyDescriptor,
  ): void => {
    // The module may allow less, which shows at the first call.
    validateOptionsOf(`@Transactional() on ${nameOf(target, method)}`, options, LONGEST_TIMEOUT_MS);
    if (method === undefined) decorateClass(target as abstract new () => object, options);
    else decorateMethod(target, method, descriptor, options);
  };
}

function nameOf(target: object, method: string | symbol | undefined): string {
  const owner = typeof target === 'function' ? target : target.constructor;
  return method === undefined ? owner.name : `${owner.name}.${String(method)}`;
}

function decorateMethod(
  prototype: object,
  method: string | symbol,
  descriptor: PropertyDescriptor | undefined,
  options: TransactionOptions,
): void {
  if (typeof descriptor?.value !== 'function' || typeof prototype === 'function') {
    throw new TransactionOptionsError(
      `@Transactional() stands on ${nameOf(prototype, method)}; it is for methods and classes, not for ` +
        'properties, accessors or static methods.',
    );
  }
  const original = descriptor.value as Method;
  descriptor.value = wrap(original, prototype, method, { options, passesPlainValues: false });
  requestManager(prototype);
}

function decorateClass(
  target: abstract new (...args: never[]) => object,
  options: TransactionOptions,
): void {
  const prototype = target.prototype as object;
  for (const [method, descriptor] of methodsOf(prototype)) {
    const found = descriptor.value as Method & { readonly [COVERED]?: Method };
    const original = Object.hasOwn(found, COVERED) ? found[COVERED] : found;
    if (original === undefined) continue;
    Object.defineProperty(prototype, method, {
      ...descriptor,
      value: wrap(original, prototype, method, { options, passesPlainValues: true }),
    });
  }
  requestManager(prototype);
}

/** The language calls these, and cannot wait for them. */
function isCalledByTheLanguage(name: string): boolean {
  return name in Object.prototype || name === 'toJSON';
}

/** Own and inherited methods by name; the nearest one of each name. */
function methodsOf(prototype: object): Map<string, PropertyDescriptor> {
  const methods = new Map<string, PropertyDescriptor>();
  let owner: object | null = prototype;
  while (owner !== null && owner !== Object.prototype) {
    for (const name of Object.getOwnPropertyNames(owner)) {
      const descriptor = Object.getOwnPropertyDescriptor(owner, name)!;
      if (!isCalledByTheLanguage(name) && !methods.has(name)) methods.set(name, descriptor);
    }
    owner = Object.getPrototypeOf(owner) as object | null;
  }
  for (const [name, { value }] of methods) {
    if (typeof value !== 'function' || LIFECYCLE_HOOKS.has(name)) methods.delete(name);
  }
  return methods;
}

function wrap(
  original: Method,
  prototype: object,
  method: string | symbol,
  how: { readonly options: TransactionOptions; readonly passesPlainValues: boolean },
): Method {
  const label = nameOf(prototype, method);
  const target = {
    original,
    options: Object.freeze({ name: label, ...how.options }),
    className: prototype.constructor.name,
    methodName: String(method),
    passesPlainValues: how.passesPlainValues,
    declaredType: Reflect.getMetadata('design:returntype', prototype, method) as unknown,
  };
  const wrapper = function (this: object, ...args: unknown[]): unknown {
    return callTransactional(target, this, args);
  };
  Object.defineProperty(wrapper, 'name', { value: original.name, configurable: true });
  Object.defineProperty(wrapper, 'length', { value: original.length, configurable: true });
  Object.defineProperty(wrapper, COVERED, {
    value: how.passesPlainValues ? original : undefined,
  });
  // Nest keeps routes, guards and the like on the function itself.
  for (const key of Reflect.getMetadataKeys(original) as unknown[]) {
    Reflect.defineMetadata(key, Reflect.getMetadata(key, original), wrapper);
  }
  return wrapper;
}

/**
 * Has Nest inject the manager into every instance of the class, as a property that the prototype
 * catches, so that it does not become an enumerable one. `Optional`, so that the error is ours.
 */
function requestManager(prototype: object): void {
  if (MANAGER_SLOT in prototype) return;
  Object.defineProperty(prototype, MANAGER_SLOT, {
    configurable: true,
    get: () => undefined,
    set(this: object, manager: unknown) {
      if (manager !== undefined) fillManagerSlot(this, manager);
    },
  });
  Inject(TransactionManager)(prototype, MANAGER_SLOT);
  Optional()(prototype, MANAGER_SLOT as unknown as string);
}
