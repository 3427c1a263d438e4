import {
  DistributedTxError,
  EntityIdError,
  EntityInvalidError,
  StoredDataError,
} from '../errors/index.js';
import { parseCounters } from '../store/counters.js';
import { checkBytes, type TransactionLimits } from '../transaction/limits.js';
import type { EntityCodec } from './entity-codec.js';
import type { EntityDefinition } from './entity-definition.js';
import { kindOf } from './kind-of.js';
import { whyNotStorable } from './storable.js';

/** An entity as it is stored. */
export interface EncodedEntity {
  readonly counters: string;
  readonly payload: string;
}

type Fields = Record<string, unknown>;

const VERSIONED_PAYLOAD = /^(\d{1,9}):/;

/** Turns the entities of one definition into stored text and back. */
export class EntityFormat<T extends object> {
  readonly #definition: EntityDefinition<T>;
  readonly #limits: TransactionLimits;

  /** Makes an instance without running the constructor of the entity. */
  readonly #Instance: new () => Fields;
  /** Properties that a plain assignment would hand to the class instead of storing them. */
  readonly #accessors: readonly string[];

  constructor(definition: EntityDefinition<T>, limits: TransactionLimits) {
    this.#definition = definition;
    this.#limits = limits;
    this.#Instance = function () {} as unknown as new () => Fields;
    this.#Instance.prototype = definition.entityClass.prototype;
    this.#accessors = accessorsOf(definition.entityClass.prototype as object);
  }

  /** @throws EntityIdError, EntityInvalidError */
  idOf(data: object): string {
    const { idField, name } = this.#definition;
    assertObject(data, name);
    return checkId((data as Fields)[idField], name, idField);
  }

  /** @throws EntityInvalidError naming the path of a value that would not come back as it is. */
  encode(data: object): EncodedEntity {
    const { name, counters } = this.#definition;
    assertObject(data, name);
    const fields = data as Fields;
    let rest = fields;
    let values = '';
    if (counters.length > 0) {
      values = counters.map((field) => this.#counterOf(fields, field)).join(',');
      rest = { ...fields };
      for (const field of counters) delete rest[field];
    }
    const payload = this.#encodePayload(rest);
    checkBytes('valueBytes', payload, this.#limits.valueBytes);
    return { counters: values, payload };
  }

  /** A fresh instance: the prototype is set, the constructor is not run. */
  decode({ counters, payload }: EncodedEntity, id?: string): T {
    const definition = this.#definition;
    const entity = this.#decodePayload(payload, id);
    if (definition.counters.length > 0) {
      const values = parseCounters(counters);
      for (const [index, field] of definition.counters.entries()) {
        // A counter that was declared after the entity was stored is still among its properties.
        const value = values[index] ?? entity[field] ?? 0;
        entity[field] = value;
      }
    }
    return entity as T;
  }

  /** What `decode` would make of it, without parsing where nothing is nested. */
  copy(data: object, encoded: EncodedEntity): T {
    if (this.#definition.codec !== undefined || this.#meetsAccessor(data)) {
      return this.decode(encoded);
    }
    const copy = new this.#Instance();
    for (const name of Object.keys(data)) {
      const value = (data as Fields)[name];
      if (typeof value === 'object' && value !== null) return this.decode(encoded);
      if (value !== undefined) copy[name] = value;
    }
    return copy as T;
  }

  #encodePayload(fields: Fields): string {
    const { name, codec, entityClass } = this.#definition;
    if (codec !== undefined) {
      const text: unknown = codec.encode(fields, { entityClass });
      if (typeof text === 'string') return `${codec.version}:${text}`;
      throw new EntityInvalidError(
        `${name} cannot be stored: encode() of its codec gave ${kindOf(text)}; it must give a string.`,
      );
    }
    const reason = whyNotStorable(fields, name);
    if (reason === undefined) return toJson(fields, name);
    throw new EntityInvalidError(
      `${reason}, which cannot be stored as JSON and read again. Store plain data, or give the ` +
        'entity a codec.',
    );
  }

  #decodePayload(payload: string, id: string | undefined): Fields {
    const { codec, entityClass } = this.#definition;
    const name = id === undefined ? this.#definition.name : `${this.#definition.name} ${id}`;
    const stored = payload.startsWith('{') ? null : VERSIONED_PAYLOAD.exec(payload);
    const version = stored === null ? 0 : Number(stored[1]);
    if (codec !== undefined) {
      const text = stored === null ? payload : payload.slice(stored[0].length);
      return this.#decodeWith(codec, { text, version, name });
    }
    if (version !== 0) {
      throw new StoredDataError(
        `The stored ${name} is of version ${version} of a codec, and @TxEntity has no codec to read it.`,
      );
    }
    const fields = parseObject(payload, name);
    if (!this.#meetsAccessor(fields)) return Object.assign(new this.#Instance(), fields);
    return Object.setPrototypeOf(fields, entityClass.prototype as object) as Fields;
  }

  #decodeWith(
    codec: EntityCodec,
    stored: { readonly text: string; readonly version: number; readonly name: string },
  ): Fields {
    const { text, version, name } = stored;
    const { entityClass } = this.#definition;
    let entity: unknown;
    try {
      entity = codec.decode(text, version, { entityClass });
    } catch (cause) {
      if (cause instanceof DistributedTxError) throw cause;
      // Texts of others may show what is stored.
      throw new StoredDataError(
        `The stored ${name} cannot be read: decode() of its codec failed, see \`cause\`.`,
        { cause },
      );
    }
    if (typeof entity === 'object' && entity !== null && !Array.isArray(entity)) {
      return entity as Fields;
    }
    throw new StoredDataError(
      `The stored ${name} cannot be read: decode() of its codec gave ${kindOf(entity)}; it must give an object.`,
    );
  }

  #meetsAccessor(fields: object): boolean {
    if (this.#accessors.length === 0) return false;
    return this.#accessors.some((name) => Object.hasOwn(fields, name));
  }

  #counterOf(fields: Fields, field: string): number {
    const value = fields[field];
    if (Number.isSafeInteger(value)) return value as number;
    const shown = typeof value === 'number' ? String(value) : kindOf(value);
    throw new EntityInvalidError(
      `${this.#definition.name}.${field} is ${shown}; it is declared as a counter and must be a safe integer.`,
    );
  }
}

/** @throws EntityInvalidError */
function assertObject(data: unknown, name: string): void {
  if (
    typeof data === 'object' &&
    data !== null &&
    !Array.isArray(data) &&
    !(data instanceof Date)
  ) {
    return;
  }
  throw new EntityInvalidError(
    `${name} must be an object with properties, not ${kindOf(data)}. Nothing was written.`,
  );
}

function accessorsOf(prototype: object): readonly string[] {
  const names: string[] = [];
  let owner: object | null = prototype;
  // The one of Object.prototype, `__proto__`, is refused as a property before it comes to this.
  while (owner !== null && owner !== Object.prototype) {
    const all = Object.entries(Object.getOwnPropertyDescriptors(owner));
    names.push(...all.filter(([, property]) => !('value' in property)).map(([name]) => name));
    owner = Object.getPrototypeOf(owner) as object | null;
  }
  // The one of every object: no stored entity has a property of that name.
  return names.filter((name) => name !== '__proto__');
}

/** @throws EntityInvalidError for a `toJSON` that gives what is no JSON, or no object. */
function toJson(fields: Fields, name: string): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(fields) as string | undefined;
  } catch (cause) {
    throw new EntityInvalidError(`${name} cannot be stored as JSON.`, { cause });
  }
  if (text?.startsWith('{')) return text;
  throw new EntityInvalidError(`${name} cannot be stored: its toJSON() must give an object.`);
}

/** @throws EntityIdError */
export function checkId(id: unknown, entity: string, field = 'id'): string {
  if (typeof id === 'string' && id !== '' && id.isWellFormed()) return id;
  let what = kindOf(id);
  if (id === '') what = 'an empty string';
  else if (typeof id === 'string')
    what = 'a string with half a surrogate pair, which UTF-8 cannot hold';
  throw new EntityIdError(`${entity}.${field} is ${what}; an id must be a non-empty string.`);
}

export function parseObject(text: string, name: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new StoredDataError(`The stored ${name} is not JSON.`, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new StoredDataError(`The stored ${name} is not a JSON object.`);
  }
  if (Object.hasOwn(value, '__proto__')) {
    throw new StoredDataError(`The stored ${name} has a property named __proto__.`);
  }
  return value as Fields;
}
