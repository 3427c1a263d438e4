import {
  EntityAlreadyExistsError,
  EntityInvalidError,
  EntityNotFoundError,
  ForeignDataError,
} from '../errors/index.js';
import { ABSENT_VERSION } from '../store/version.js';
import { addWithin, parseCounters } from '../store/counters.js';
import type { StoredItem } from '../store/stored-item.js';
import type { CounterIncrement } from '../store/versioned-store.js';
import { brokenBound } from '../transaction/increments.js';
import { resolvedChange, type Expectation, type ItemState } from '../transaction/operation-log.js';
import type { ItemReference } from '../transaction/operation.js';
import type { TransactionManager } from '../transaction/transaction-manager.js';
import type { MaybePromise } from '../transaction/maybe-promise.js';
import type { TransactionScope } from '../transaction/transaction-scope.js';
import { parseAdopted, stoppedAt } from './adoption.js';
import type { AdoptResult, CounterField, EntityData, IncrementBounds } from './entity-data.js';
import { incrementOf } from './increment-bounds.js';
import type { EntityDefinition } from './entity-definition.js';
import type { EntityFormat } from './entity-format.js';
import type { EntityKeys } from './entity-keys.js';
import { rememberRead, rememberSaved, versionOf } from './entity-version.js';
import {
  expectedVersionOf,
  refuseBrokenExpectation,
  refuseMismatch,
  type SaveOptions,
} from './expected-version.js';
import { currentValue, hasBlindIncrements, isKnown } from './item-view.js';
import { assertIdList, assertIds, assertPatch } from './repository-arguments.js';

/** What a repository is made of; the module builds it. */
export interface RepositorySetup<T extends object> {
  readonly definition: EntityDefinition<T>;
  readonly manager: TransactionManager;
  readonly keys: EntityKeys;
  readonly format: EntityFormat<T>;
}

const OWN_TRANSACTION = { propagation: 'REQUIRES_NEW' } as const;

/**
 * Typed access to the entities of one class, by id. Inside a transaction every call takes part in it;
 * outside, each call is a transaction of its own.
 */
export class TxRepository<T extends object> {
  readonly #definition: EntityDefinition<T>;
  readonly #manager: TransactionManager;
  readonly #keys: EntityKeys;
  readonly #format: EntityFormat<T>;

  /** @internal */
  constructor(setup: RepositorySetup<T>) {
    this.#definition = setup.definition;
    this.#manager = setup.manager;
    this.#keys = setup.keys;
    this.#format = setup.format;
  }

  /** The entity, or null. Each call gives a copy of its own. */
  findOne(id: string): Promise<T | null> {
    return this.#within((scope) => this.#with(scope, id, (state) => this.#view(scope, state)));
  }

  /** @throws EntityNotFoundError */
  findOneOrFail(id: string): Promise<T> {
    return this.#within((scope) =>
      this.#with(scope, id, (state) => this.#view(scope, state) ?? this.#notFound([id])),
    );
  }

  /** The entities in the order of the ids, duplicates kept; null where there is none. */
  findMany(ids: readonly string[]): Promise<(T | null)[]> {
    return this.#within((scope) => this.#withAll(scope, ids, (entities) => entities));
  }

  /** @throws EntityNotFoundError naming all ids that are missing. */
  findManyOrFail<const Ids extends readonly string[]>(
    ids: Ids,
  ): Promise<{ -readonly [K in keyof Ids]: T }> {
    return this.#within((scope) =>
      this.#withAll(scope, ids, (entities) => {
        if (entities.includes(null)) {
          this.#notFound([...new Set(ids.filter((_, index) => entities[index] === null))]);
        }
        return entities as { [K in keyof Ids]: T };
      }),
    );
  }

  /**
   * Locks the entity in the store and reads it: until the transaction ends nobody else changes it, so that its commit
   * cannot fail because of it. Worth it where the work is dear, or would be repeated often. Validated at commit
   * under every isolation. Locks nothing where nothing may be written: in a read-only transaction, and outside of one.
   *
   * @throws TransactionConflictError when somebody else holds it; the call is run again.
   */
  findOneForUpdate(id: string): Promise<T | null> {
    if (this.#manager.scope() === undefined) return this.findOne(id);
    return this.#within((scope) => {
      const read = (): MaybePromise<T | null> =>
        this.#with(scope, id, (state) => {
          state.forUpdate = true;
          return this.#view(scope, state);
        });
      if (scope.readOnly) return read();
      return scope.transaction.holdThen([this.#keys.reference(id)], read) as Promise<T | null>;
    });
  }

  exists(id: string): Promise<boolean> {
    return this.#within((scope) => this.#with(scope, id, (state) => currentValue(state) !== null));
  }

  /** Reads without validation: what stands there now, or the transaction's own write. */
  peek(id: string): Promise<T | null> {
    return this.#within((scope) => {
      const reference = this.#keys.reference(id);
      const state = scope.transaction.stateOf(reference);
      if (isKnown(state)) return this.#view(scope, state);
      return scope.transaction.peekThen(reference, (stood) => {
        if (stood?.kind === 'foreign') throw new ForeignDataError(reference.key);
        return this.#viewPeeked(state, stood);
      });
    });
  }

  /** @throws EntityAlreadyExistsError */
  insert(data: EntityData<T>): Promise<T> {
    return this.#within((scope) => {
      const reference = this.#keys.reference(this.#format.idOf(data));
      const state = scope.transaction.stateOf(reference);
      if (state !== undefined && (state.change ? state.change.kind !== 'delete' : state.seen)) {
        throw new EntityAlreadyExistsError(this.#definition.name, reference.id);
      }
      const expectation: Expectation = { version: ABSENT_VERSION, reason: 'insert' };
      const seen = state?.seen !== undefined;
      return this.#write(scope, reference, data, seen ? undefined : expectation);
    });
  }

  /**
   * Inserts or replaces. An entity that the transaction has not read is written whatever stands there,
   * unless `expectedVersion` is given.
   * @throws VersionMismatchError, EntityInvalidError
   */
  save(data: EntityData<T>, options?: SaveOptions): Promise<T> {
    return this.#within((scope) => {
      const { transaction } = scope;
      const reference = this.#keys.reference(this.#format.idOf(data));
      const state = transaction.stateOf(reference);
      const expected = expectedVersionOf(options);
      const write = (): T => {
        if (state !== undefined) resolvedChange(state);
        // What this transaction has saved itself may be what the next change is based on.
        const isOwn = state?.change !== undefined && expected === transaction.versionGivenTo(state);
        if (!isOwn) refuseMismatch(state, expected);
        const expectation: Expectation | undefined =
          isOwn || expected === undefined || state?.expectation !== undefined
            ? undefined
            : { version: expected, reason: 'expected-version' };
        return this.#write(scope, reference, data, expectation);
      };
      // The bounds of increments made before are checked against what stands there.
      return hasBlindIncrements(state) ? transaction.readThen([reference], write) : write();
    });
  }

  /**
   * Reads the entity and replaces the properties of the patch; `undefined` leaves one as it is.
   * @throws EntityNotFoundError
   */
  update(id: string, patch: Partial<EntityData<T>>): Promise<T> {
    return this.#within((scope) => {
      assertPatch(this.#definition.name, patch);
      return this.#with(scope, id, (state) => {
        const entity = this.#view(scope, state) ?? this.#notFound([id]);
        const given = Object.entries(patch).filter(([, value]) => value !== undefined);
        const merged = { ...entity, ...Object.fromEntries(given) } as EntityData<T>;
        if (this.#format.idOf(merged) !== id) {
          throw new EntityInvalidError(
            `update() cannot change the id of ${this.#definition.name}.`,
          );
        }
        return this.#write(scope, state.reference, merged, undefined);
      });
    });
  }

  /** Whether there was one. */
  delete(id: string): Promise<boolean> {
    return this.#within((scope) => {
      const reference = this.#keys.reference(id);
      return scope.transaction.readThen([reference], () => {
        const state = scope.transaction.stateOf(reference)!;
        refuseBrokenExpectation(state);
        const existed = currentValue(state) !== null;
        scope.assertWritable();
        if (existed) scope.transaction.change(scope, reference, { kind: 'delete' });
        return existed;
      });
    });
  }

  /**
   * Adds to a counter without reading the entity: increments of different transactions do not
   * conflict. The bounds hold at commit, for the value that stands then.
   *
   * @throws CounterBoundError, EntityNotFoundError when the transaction commits, or at once where it
   *   knows the entity already. Neither is retried.
   */
  increment(
    id: string,
    field: CounterField<T>,
    by: number,
    bounds: IncrementBounds = {},
  ): Promise<void> {
    return this.#within((scope) => {
      const reference = this.#keys.reference(id);
      const step = incrementOf(this.#definition, { field, by, bounds });
      const state = scope.transaction.stateOf(reference);
      if (isKnown(state)) this.#addToKnown(scope, state, step);
      else this.#add(scope, reference, step);
    });
  }

  /**
   * The version of an entity that this library returned: an opaque text for `save`'s
   * `expectedVersion`. Undefined for other objects, copies included, and for an entity saved without
   * having been read as long as its transaction has not committed.
   */
  versionOf(entity: EntityData<T>): string | undefined {
    return versionOf(entity);
  }

  /**
   * Makes entities of values that another program has stored as plain JSON under the entities' own
   * keys. Each id is a transaction of its own; a value that changes meanwhile is read again.
   *
   * An error tells the id that it stopped at, and how many were adopted before; they stay adopted.
   *
   * @param source The ids.
   * @param parse What the text under a key means; JSON by default.
   * @throws StoredDataError, EntityInvalidError, EntityIdError, ForeignDataError, TransactionConflictError
   */
  async adopt(
    source: Iterable<string> | AsyncIterable<string>,
    parse: (text: string, id: string) => EntityData<T> = (text, id) =>
      ({
        ...parseAdopted(text, `${this.#definition.name} ${id}`),
        [this.#definition.idField]: id,
      }) as EntityData<T>,
  ): Promise<AdoptResult> {
    const { name } = this.#definition;
    assertIds(name, source);
    const result = { adopted: 0, skipped: 0 };
    for await (const id of source) {
      try {
        const done = await this.#manager.run(() => this.#adoptOne(id, parse), OWN_TRANSACTION);
        result[done ? 'adopted' : 'skipped']++;
      } catch (error) {
        throw stoppedAt(name, id, result, error);
      }
    }
    return result;
  }

  #adoptOne(id: string, parse: (text: string, id: string) => EntityData<T>): Promise<boolean> {
    return this.#within((scope) => {
      const reference = this.#keys.reference(id);
      return scope.transaction.peekThen(reference, (stood) => {
        if (stood?.kind !== 'foreign') return false;
        const { value: foreign } = stood;
        const expectation = { version: ABSENT_VERSION, reason: 'adopt', foreign } as const;
        const entity: EntityData<T> = parse(foreign, id);
        if (this.#format.idOf(entity) !== id) {
          throw new EntityInvalidError(`What parse() made of ${reference.key} has another id.`);
        }
        this.#write(scope, reference, entity, expectation);
        return true;
      });
    });
  }

  /** Runs an operation in the current transaction, or in one of its own. */
  #within<R>(operation: (scope: TransactionScope) => MaybePromise<R>): Promise<R> {
    const scope = this.#manager.scope();
    try {
      if (scope === undefined) {
        this.#manager.refuseForeign(`The repository of ${this.#definition.name}`);
        return this.#manager.run(async () => operation(this.#manager.scope()!));
      }
      scope.transaction.assertOpen();
      const result = operation(scope);
      return result instanceof Promise ? result : Promise.resolve(result);
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  /** Knows one item, from an earlier read, a read now, or the transaction's own write. */
  #with<R>(scope: TransactionScope, id: string, then: (state: ItemState) => R): MaybePromise<R> {
    const reference = this.#keys.reference(id);
    const { transaction } = scope;
    const state = transaction.stateOf(reference);
    if (isKnown(state)) return then(state);
    return transaction.readThen([reference], () => then(transaction.stateOf(reference)!));
  }

  #withAll<R>(
    scope: TransactionScope,
    ids: readonly string[],
    then: (entities: (T | null)[]) => R,
  ): MaybePromise<R> {
    assertIdList(this.#definition.name, ids);
    const { transaction } = scope;
    const references = ids.map((id) => this.#keys.reference(id));
    const unknown = references.filter((reference) => !isKnown(transaction.stateOf(reference)));
    const view = (): R =>
      then(references.map((reference) => this.#view(scope, transaction.stateOf(reference)!)));
    return unknown.length === 0 ? view() : transaction.readThen(unknown, view);
  }

  #view(scope: TransactionScope, state: ItemState): T | null {
    const value = currentValue(state);
    if (value === null) return null;
    const entity = this.#format.decode(value, state.reference.id);
    if (state.change !== undefined) rememberSaved(entity, scope.transaction, state);
    else if (state.seen) rememberRead(entity, state.seen.version);
    return entity;
  }

  #viewPeeked(state: ItemState | undefined, seen: StoredItem | null): T | null {
    const value = state === undefined ? seen : currentValue({ ...state, seen });
    if (value === null) return null;
    const entity = this.#format.decode(value);
    if (state === undefined && seen !== null) rememberRead(entity, seen.version);
    return entity;
  }

  #write(
    scope: TransactionScope,
    reference: ItemReference,
    data: object,
    expectation: Expectation | undefined,
  ): T {
    const encoded = this.#format.encode(data);
    const { counters, payload } = encoded;
    const change = { kind: 'write', counters, payload, ttlMs: this.#definition.ttlMs } as const;
    const state = scope.transaction.change(scope, reference, change, expectation);
    const saved = this.#format.copy(data, encoded);
    rememberSaved(saved, scope.transaction, state);
    return saved;
  }

  #addToKnown(scope: TransactionScope, state: ItemState, step: CounterIncrement): void {
    const { reference } = state;
    const base = currentValue(state) ?? this.#notFound([reference.id]);
    const entity = this.#format.decode(base) as Record<string, unknown>;
    const field = this.#definition.counters[step.index]!;
    const sum = addWithin(entity[field] as number, step);
    if (sum === undefined) throw brokenBound(reference, step, entity[field] as number);
    // What was only read stays an increment: a savepoint beside this one may take back its own.
    const isOwnWrite = state.change?.kind === 'write';
    const stored = isOwnWrite ? 0 : parseCounters(state.seen?.counters ?? '').length;
    if (step.index < stored) this.#add(scope, reference, step);
    else this.#write(scope, reference, { ...entity, [field]: sum }, undefined);
  }

  #add(scope: TransactionScope, reference: ItemReference, step: CounterIncrement): void {
    const { ttlMs } = this.#definition;
    scope.transaction.change(scope, reference, { kind: 'increment', increments: [step], ttlMs });
  }

  #notFound(ids: readonly string[]): never {
    throw new EntityNotFoundError(this.#definition.name, ids);
  }
}
