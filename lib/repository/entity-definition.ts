import { EntityDefinitionError } from '../errors/index.js';
import type { EntityCodec } from './entity-codec.js';

// eslint-disable-next-line typescript/no-explicit-any -- constructors of entities take anything
export type EntityClass<T extends object = object> = abstract new (...args: any[]) => T;

/** The declaration of an entity. */
export interface TxEntityOptions {
  /** Stands in every key; unique in the application. Letters, digits, `_`, `.`, `-`. */
  readonly name: string;
  /** The property that holds the id, a non-empty string. @default 'id' */
  readonly id?: string;
  /** Every write lets the entity live so many milliseconds from then on. @default for ever */
  readonly ttlMs?: number;
  /**
   * Puts entities on one node of a cluster, so that their transactions commit in one step. Computed
   * from the id alone, since a read knows nothing else.
   */
  readonly hashTag?: string | ((id: string) => string);
  /**
   * Properties that hold safe integers and can be changed by `increment`. They are stored in this
   * order; append new ones at the end.
   */
  readonly counters?: readonly string[];
  /** @default JSON */
  readonly codec?: EntityCodec;
  /** The store that holds it, a name in `forRoot({ stores })`. @default 'default' */
  readonly store?: string;
}

/** A checked declaration. */
export interface EntityDefinition<T extends object = object> {
  readonly entityClass: EntityClass<T>;
  readonly name: string;
  readonly idField: string;
  readonly ttlMs: number | undefined;
  readonly hashTag: ((id: string) => string) | undefined;
  readonly counters: readonly string[];
  readonly codec: EntityCodec | undefined;
  readonly store: string;
  /** The injection token of its repository. */
  readonly token: symbol;
}

const DEFINITION = Symbol.for('nestjs-distributed-tx:entity');
const NAME = /^[A-Za-z][\w.-]{0,63}$/;

/**
 * Declares a class as an entity of the cache.
 * @throws EntityDefinitionError naming the option, its value and what is allowed.
 */
export function TxEntity(options: TxEntityOptions): (target: EntityClass) => void {
  return (target) => {
    Object.defineProperty(target, DEFINITION, { value: defineEntity(target, options) });
  };
}

/** @throws EntityDefinitionError when the class itself is not declared; inheriting is not enough. */
export function definitionOf<T extends object>(entityClass: EntityClass<T>): EntityDefinition<T> {
  const own =
    typeof entityClass === 'function' && Object.getOwnPropertyDescriptor(entityClass, DEFINITION);
  if (own) return own.value as EntityDefinition<T>;
  const name = typeof entityClass === 'function' ? entityClass.name : String(entityClass);
  throw new EntityDefinitionError(
    `${name} is not declared as an entity. Put @TxEntity({ name: '…' }) on the class.`,
  );
}

function defineEntity(entityClass: EntityClass, options: TxEntityOptions): EntityDefinition {
  const wrong = (option: string, value: unknown, allowed: string): never => {
    throw new EntityDefinitionError(
      `@TxEntity on ${entityClass.name}: ${option} is ${JSON.stringify(value)}; allowed is ${allowed}.`,
    );
  };
  const {
    name,
    id = 'id',
    ttlMs,
    hashTag,
    counters = [],
    codec,
    store = 'default',
  } = options ?? {};
  if (typeof name !== 'string' || !NAME.test(name)) {
    wrong('name', name, 'a letter followed by up to 63 letters, digits, "_", "." or "-"');
  }
  if (typeof id !== 'string' || id === '') wrong('id', id, 'the name of a property');
  if (ttlMs !== undefined && !(Number.isSafeInteger(ttlMs) && ttlMs > 0)) {
    wrong('ttlMs', ttlMs, 'a positive whole number of milliseconds');
  }
  if (hashTag !== undefined && typeof hashTag !== 'function') {
    if (typeof hashTag !== 'string') wrong('hashTag', hashTag, 'a text or a function of the id');
    assertHashTag(entityClass.name, hashTag);
  }
  const distinct = new Set(counters).size === counters.length && !counters.includes(id);
  if (
    !Array.isArray(counters) ||
    !distinct ||
    counters.some((field) => typeof field !== 'string')
  ) {
    wrong('counters', counters, 'a list of different properties without the id');
  }
  if (codec !== undefined && !(Number.isSafeInteger(codec.version) && codec.version > 0)) {
    wrong('codec.version', codec.version, 'a positive whole number');
  }
  return Object.freeze({
    entityClass,
    name,
    idField: id,
    ttlMs,
    hashTag: typeof hashTag === 'string' ? () => hashTag : hashTag,
    counters: Object.freeze([...counters]),
    codec,
    store,
    token: Symbol(
      `TxRepository<${entityClass.name}> (is it in DistributedTxModule.forFeature([${entityClass.name}])?)`,
    ),
  });
}

/** A tag ends at the first brace, so it cannot hold one; an empty one is none to Redis. */
export function assertHashTag(entity: string, tag: unknown): asserts tag is string {
  if (typeof tag === 'string' && tag !== '' && !/[{}]/.test(tag) && tag.isWellFormed()) return;
  throw new EntityDefinitionError(
    `${entity}: hashTag gave ${JSON.stringify(tag)}; allowed is a non-empty text without braces.`,
  );
}
