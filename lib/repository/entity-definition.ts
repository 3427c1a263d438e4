import { inspect } from 'node:util';
import { EntityDefinitionError } from '../errors/index.js';
import { unknownName } from '../errors/unknown-name.js';
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
  // What is returned would take the place of the class.
  if (typeof options === 'function') {
    refuse(options, "it stands there without parentheses; write @TxEntity({ name: '…' }).");
  }
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
  validate(entityClass, options);
  const { name, id = 'id', ttlMs, hashTag, counters = [], codec, store = 'default' } = options;
  const hint = `is it in DistributedTxModule.forFeature([${entityClass.name}])?`;
  return Object.freeze({
    entityClass,
    name,
    idField: id,
    ttlMs,
    hashTag: typeof hashTag === 'string' ? () => hashTag : hashTag,
    counters: Object.freeze([...counters]),
    codec,
    store,
    token: Symbol(`TxRepository<${entityClass.name}> (${hint})`),
  });
}

/** What each option may be, in words and as a check. */
const ALLOWED: {
  readonly [K in keyof Required<TxEntityOptions>]: readonly [
    words: string,
    check: (value: unknown, options: TxEntityOptions) => boolean,
  ];
} = {
  name: [
    'a letter followed by up to 63 letters, digits, "_", "." or "-"',
    (name) => typeof name === 'string' && NAME.test(name),
  ],
  id: ['the name of a property', (id) => id === undefined || isText(id)],
  ttlMs: ['a positive whole number of milliseconds', (ms) => ms === undefined || isPositive(ms)],
  hashTag: [
    'a non-empty text without braces, or a function of the id',
    (tag) => tag === undefined || typeof tag === 'function' || isHashTag(tag),
  ],
  counters: [
    'a list of different properties without the id',
    (counters, { id = 'id' }) =>
      counters === undefined ||
      (Array.isArray(counters) &&
        counters.every(isText) &&
        !counters.includes(id) &&
        new Set(counters).size === counters.length),
  ],
  codec: [
    'an object with encode, decode and a positive whole version',
    (codec) => codec === undefined || isCodec(codec),
  ],
  store: ['the name of a store', (store) => store === undefined || isText(store)],
};

function validate(entityClass: EntityClass, options: TxEntityOptions): void {
  const unknown = Object.keys(options ?? {}).find((name) => !Object.hasOwn(ALLOWED, name));
  if (unknown !== undefined) refuse(entityClass, unknownName(unknown, Object.keys(ALLOWED)));
  for (const name of Object.keys(ALLOWED) as (keyof TxEntityOptions)[]) {
    const value = options?.[name];
    const [words, check] = ALLOWED[name];
    if (!check(value, options)) wrong(entityClass, name, value, words);
  }
}

function wrong(entityClass: EntityClass, option: string, value: unknown, allowed: string): never {
  const shown = typeof value === 'string' ? JSON.stringify(value) : inspect(value, { depth: 1 });
  refuse(entityClass, `${option} is ${shown}; allowed is ${allowed}.`);
}

function refuse(entityClass: EntityClass, reason: string): never {
  throw new EntityDefinitionError(`@TxEntity on ${entityClass.name}: ${reason}`);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isPositive(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

function isCodec(value: unknown): value is EntityCodec {
  const { version, encode, decode } = (value ?? {}) as Partial<EntityCodec>;
  return isPositive(version) && typeof encode === 'function' && typeof decode === 'function';
}

/** A tag ends at the first brace, so it cannot hold one; an empty one is none to Redis. */
function isHashTag(tag: unknown): tag is string {
  return isText(tag) && !/[{}]/.test(tag) && tag.isWellFormed();
}

/** @throws EntityDefinitionError for a tag that a function of the id gave. */
export function assertHashTag(entity: string, tag: unknown): asserts tag is string {
  if (isHashTag(tag)) return;
  throw new EntityDefinitionError(
    `${entity}: hashTag gave ${JSON.stringify(tag)}; allowed is ${ALLOWED.hashTag[0]}.`,
  );
}
