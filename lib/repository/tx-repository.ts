import {
  EntityAlreadyExistsError,
  EntityInvalidError,
  EntityNotFoundError,
  ForeignDataError,
  TransactionOptionsError,
  VersionMismatchError,
} from '../errors/index.js';
import { ABSENT_VERSION } from '../store/version.js';
import { addWithin } from '../store/counters.js';
import type { CounterIncrement } from '../store/versioned-store.js';
import { brokenBound } from '../transaction/increments.js';
import { resolvedChange, type Expectation, type ItemState } from '../transaction/operation-log.js';
import type { ItemReference } from '../transaction/operation.js';
import type { TransactionManager } from '../transaction/transaction-manager.js';
import type { TransactionScope } from '../transaction/transaction.js';
import type { EntityDefinition } from './entity-definition.js';
import { parseObject, type EntityFormat } from './entity-format.js';
import type { EntityKeys } from './entity-keys.js';
import { rememberRead, rememberSaved, versionOf } from './entity-version.js';
import { currentValue, hasBlindIncrements, isKnown } from './item-view.js';
import { after, type MaybePromise } from './maybe-promise.js';

/** The properties of an entity, without its methods: what can be stored. */
export type EntityData<T> = {
  [K in keyof T as T[K] extends (...args: never[]) => unknown ? never : K]: T[K];
};

/** The names of the properties that can be counters. */
export type CounterField<T> = {
  [K in keyof T]-?: T[K] extends number ? K : never;
}[keyof T] &
  string;

export interface SaveOptions {
  /** What `versionOf` gave for the entity the change is based on. */
  readonly expectedVersion?: string;
}

/** The range that a counter must stay in; both ends are allowed. */
export interface IncrementBounds {
  readonly min?: number;
  readonly max?: number;
}

export interface AdoptResult {
  /** How many values became entities. */
  readonly adopted: number;
  /** How many were entities already, or absent. */
  readonly skipped: number;
}

/** What a repository is made of; the module builds it. */
export interface RepositorySetup<T extends object> {
  readonly definition: EntityDefinition<T>;
  readonly manager: TransactionManager;
  readonly keys: EntityKeys;
  readonly format: EntityFormat<T>;
}

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
    return this.#within((scope) => this.#find(scope, id));
  }

  /** @throws EntityNotFoundError */
  findOneOrFail(id: string): Promise<T> {
    return this.#within((scope) =>
      after(this.#find(scope, id), (entity) => entity ?? this.#notFound([id])),
    );
  }

  /** The entities in the order of the ids, duplicates kept; null where there is none. */
  findMany<const Ids extends readonly string[]>(
    ids: Ids,
  ): Promise<{ -readonly [K in keyof Ids]: T | null }> {
    return this.#within(
      (scope) => this.#findAll(scope, ids) as MaybePromise<{ [K in keyof Ids]: T | null }>,
    );
  }

  /** @throws EntityNotFoundError naming all ids that are missing. */
  findManyOrFail<const Ids extends readonly string[]>(
    ids: Ids,
  ): Promise<{ -readonly [K in keyof Ids]: T }> {
    return this.#within((scope) =>
      after(this.#findAll(scope, ids), (entities) => {
        const missing = ids.filter((_, index) => entities[index] === null);
        if (missing.length > 0) this.#notFound([...new Set(missing)]);
        return entities as { [K in keyof Ids]: T };
      }),
    );
  }

  /** Like `findOneOrFail` in effect on others: validated at commit under every isolation. */
  findOneForUpdate(id: string): Promise<T | null> {
    return this.#within((scope) =>
      after(this.#find(scope, id), (entity) => {
        const state = scope.transaction.stateOf(this.#keys.reference(id));
        if (state) state.forUpdate = true;
        return entity;
      }),
    );
  }

  exists(id: string): Promise<boolean> {
    return this.#within((scope) => after(this.#find(scope, id), (entity) => entity !== null));
  }

  /** Reads without validation: what stands there now, or the transaction's own write. */
  peek(id: string): Promise<T | null> {
    return this.#within((scope) => {
      const reference = this.#keys.reference(id);
      const state = scope.transaction.stateOf(reference);
      if (isKnown(state)) return this.#view(scope, state);
      return this.#peek(scope, reference, state);
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
      const reference = this.#keys.reference(this.#format.idOf(data));
      const state = scope.transaction.stateOf(reference);
      const expected = expectedVersionOf(options);
      // The bounds of increments made before are checked against what stands there.
      const reading = hasBlindIncrements(state) ? scope.transaction.read([reference]) : undefined;
      return after(reading, () => {
        if (state !== undefined) resolvedChange(state);
        this.#refuseMismatch(reference, state, expected);
        const expectation: Expectation | undefined =
          expected === undefined ? undefined : { version: expected, reason: 'expected-version' };
        return this.#write(scope, reference, data, expectation);
      });
    });
  }

  /**
   * Reads the entity and replaces the properties of the patch; `undefined` leaves one as it is.
   * @throws EntityNotFoundError
   */
  update(id: string, patch: Partial<EntityData<T>>): Promise<T> {
    return this.#within((scope) =>
      after(this.#find(scope, id), (entity) => {
        if (entity === null) return this.#notFound([id]);
        const given = Object.entries(patch).filter(([, value]) => value !== undefined);
        const merged = { ...entity, ...Object.fromEntries(given) } as EntityData<T>;
        if (this.#format.idOf(merged) !== id) {
          throw new EntityInvalidError(
            `update() cannot change the id of ${this.#definition.name}.`,
          );
        }
        return this.#write(scope, this.#keys.reference(id), merged, undefined);
      }),
    );
  }

  /** Whether there was one. */
  delete(id: string): Promise<boolean> {
    return this.#within((scope) => {
      const reference = this.#keys.reference(id);
      return after(scope.transaction.read([reference]), () => {
        const state = scope.transaction.stateOf(reference);
        this.#refuseBroken(state);
        const existed = state?.change ? state.change.kind !== 'delete' : Boolean(state?.seen);
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
      const step = this.#incrementOf(field, by, bounds);
      const state = scope.transaction.stateOf(reference);
      const before = state?.change?.kind === 'increment' ? state.change.increments : [];
      if (isKnown(state)) {
        this.#addToKnown(scope, state, step);
        return;
      }
      scope.transaction.change(scope, reference, {
        kind: 'increment',
        increments: [...before, step],
        ttlMs: this.#definition.ttlMs,
      });
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
   * keys. Each id is a transaction of its own; a value that changes meanwhile is left as it is and
   * reported as a conflict.
   *
   * @param source The ids, or pairs of an id and what to make of the text under its key.
   * @throws EntityInvalidError, TransactionConflictError
   */
  async adopt(
    source: Iterable<string> | AsyncIterable<string>,
    parse: (text: string, id: string) => EntityData<T> = (text, id) =>
      ({
        ...parseObject(text, this.#definition.name),
        [this.#definition.idField]: id,
      }) as EntityData<T>,
  ): Promise<AdoptResult> {
    let adopted = 0;
    let skipped = 0;
    for await (const id of source) {
      const done = await this.#manager.run(async () => this.#adoptOne(id, parse), {
        propagation: 'REQUIRES_NEW',
      });
      if (done) adopted++;
      else skipped++;
    }
    return { adopted, skipped };
  }

  async #adoptOne(
    id: string,
    parse: (text: string, id: string) => EntityData<T>,
  ): Promise<boolean> {
    const scope = this.#manager.scope()!;
    const reference = this.#keys.reference(id);
    const stood = await scope.transaction.peek(reference);
    if (stood?.kind !== 'foreign') return false;
    await this.#write(scope, reference, parse(stood.value, id), {
      version: ABSENT_VERSION,
      reason: 'adopt',
      foreign: stood.value,
    });
    return true;
  }

  /** Runs an operation in the current transaction, or in one of its own. */
  #within<R>(operation: (scope: TransactionScope) => MaybePromise<R>): Promise<R> {
    const scope = this.#manager.scope();
    if (scope === undefined) {
      return this.#manager.run(async () => operation(this.#manager.scope()!));
    }
    try {
      scope.transaction.assertOpen();
      const result = operation(scope);
      return result instanceof Promise ? scope.transaction.track(result) : Promise.resolve(result);
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  #find(scope: TransactionScope, id: string): MaybePromise<T | null> {
    const reference = this.#keys.reference(id);
    return after(this.#know(scope, [reference]), () =>
      this.#view(scope, scope.transaction.stateOf(reference)!),
    );
  }

  #findAll(scope: TransactionScope, ids: readonly string[]): MaybePromise<(T | null)[]> {
    const references = ids.map((id) => this.#keys.reference(id));
    return after(this.#know(scope, references), () =>
      references.map((reference) => this.#view(scope, scope.transaction.stateOf(reference)!)),
    );
  }

  /** Reads what is not known, neither from an earlier read nor as the transaction's own write. */
  #know(scope: TransactionScope, references: readonly ItemReference[]): Promise<void> | undefined {
    const { transaction } = scope;
    const unknown = references.filter((reference) => {
      const state = transaction.stateOf(reference);
      return state === undefined || !isKnown(state);
    });
    return unknown.length === 0 ? undefined : transaction.read(unknown);
  }

  #view(scope: TransactionScope, state: ItemState): T | null {
    const value = currentValue(state);
    if (value === null) return null;
    const entity = this.#format.decode(value);
    if (state.change !== undefined) rememberSaved(entity, scope.transaction, state);
    else if (state.seen) rememberRead(entity, state.seen.version);
    return entity;
  }

  async #peek(
    scope: TransactionScope,
    reference: ItemReference,
    state: ItemState | undefined,
  ): Promise<T | null> {
    const stood = await scope.transaction.peek(reference);
    if (stood?.kind === 'foreign') throw new ForeignDataError(reference.key);
    const seen = stood ?? null;
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
    const change = { kind: 'write', ...encoded, ttlMs: this.#definition.ttlMs } as const;
    scope.transaction.change(scope, reference, change, expectation);
    const saved = this.#format.decode(encoded);
    rememberSaved(saved, scope.transaction, scope.transaction.stateOf(reference)!);
    return saved;
  }

  #addToKnown(scope: TransactionScope, state: ItemState, step: CounterIncrement): void {
    const { reference } = state;
    const base = currentValue(state) ?? this.#notFound([reference.id]);
    const entity = this.#format.decode(base) as Record<string, unknown>;
    const field = this.#definition.counters[step.index]!;
    const sum = addWithin(entity[field] as number, step);
    if (sum === undefined) throw brokenBound(reference, step, entity[field] as number);
    this.#write(scope, reference, { ...entity, [field]: sum }, undefined);
  }

  #incrementOf(field: string, by: number, { min, max }: IncrementBounds): CounterIncrement {
    const index = this.#definition.counters.indexOf(field);
    if (index < 0) {
      throw new EntityInvalidError(
        `${this.#definition.name}.${field} is no counter. Name it in @TxEntity({ counters: ['${field}'] }).`,
      );
    }
    for (const [name, value] of Object.entries({ by, min, max })) {
      if ((name === 'by' || value !== undefined) && !Number.isSafeInteger(value)) {
        throw new EntityInvalidError(`increment: ${name} is ${value}; it must be a safe integer.`);
      }
    }
    return { index, by, min, max };
  }

  #refuseMismatch(
    { entity, id }: ItemReference,
    state: ItemState | undefined,
    expected: string | undefined,
  ): void {
    if (expected === undefined || state?.seen === undefined) return;
    const found = state.seen?.version ?? ABSENT_VERSION;
    if (found !== expected) throw new VersionMismatchError(entity, id, expected, found);
  }

  /** An item that was written under an expectation, and is read afterwards. */
  #refuseBroken(state: ItemState | undefined): void {
    const { expectation, reference, seen } = state ?? {};
    if (expectation === undefined || reference === undefined || seen === undefined) return;
    const found = seen?.version ?? ABSENT_VERSION;
    if (found === expectation.version) return;
    const { entity, id } = reference;
    if (expectation.reason === 'insert') throw new EntityAlreadyExistsError(entity, id);
    throw new VersionMismatchError(entity, id, expectation.version, found);
  }

  #notFound(ids: readonly string[]): never {
    throw new EntityNotFoundError(this.#definition.name, ids);
  }
}

/** @throws TransactionOptionsError for an expectation that was lost on the way, and so would not hold. */
function expectedVersionOf(options: SaveOptions | undefined): string | undefined {
  if (options === undefined || !('expectedVersion' in options)) return undefined;
  const { expectedVersion } = options;
  if (typeof expectedVersion === 'string' && expectedVersion !== '') return expectedVersion;
  throw new TransactionOptionsError(
    `expectedVersion is ${String(expectedVersion)}; it must be what versionOf() gave for the entity that was ` +
      'read. Copies of an entity have no version.',
  );
}
