import { EntityIdError, EntityInvalidError, StoredDataError } from '../errors/index.js';
import { parseCounters } from '../store/counters.js';
import { checkBytes, type TransactionLimits } from '../transaction/limits.js';
import type { EntityDefinition } from './entity-definition.js';
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
    const { name, counters, codec, entityClass } = this.#definition;
    assertObject(data, name);
    const fields = data as Fields;
    let rest = fields;
    let values = '';
    if (counters.length > 0) {
      values = counters.map((field) => this.#counterOf(fields, field)).join(',');
      rest = { ...fields };
      for (const field of counters) delete rest[field];
    }
    let payload: string;
    if (codec === undefined) {
      const reason = whyNotStorable(rest, name);
      if (reason !== undefined) {
        throw new EntityInvalidError(
          `${reason}, which cannot be stored as JSON and read again. Store plain data, or give the ` +
            'entity a codec.',
        );
      }
      payload = toJson(rest, name);
    } else {
      payload = `${codec.version}:${codec.encode(rest, { entityClass })}`;
    }
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

  #decodePayload(payload: string, id: string | undefined): Fields {
    const { codec, entityClass } = this.#definition;
    const name = id === undefined ? this.#definition.name : `${this.#definition.name} ${id}`;
    const stored = payload.startsWith('{') ? null : VERSIONED_PAYLOAD.exec(payload);
    const version = stored === null ? 0 : Number(stored[1]);
    if (codec !== undefined) {
      const text = stored === null ? payload : payload.slice(stored[0].length);
      return codec.decode(text, version, { entityClass }) as Fields;
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

  #meetsAccessor(fields: object): boolean {
    if (this.#accessors.length === 0) return false;
    return this.#accessors.some((name) => Object.hasOwn(fields, name));
  }

  #counterOf(fields: Fields, field: string): number {
    const value = fields[field];
    if (Number.isSafeInteger(value)) return value as number;
    const shown = typeof value === 'number' ? String(value) : typeof value;
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

function kindOf(data: unknown): string {
  if (Array.isArray(data)) return 'an array';
  if (data instanceof Date) return 'a Date';
  return data === null ? 'null' : `a ${typeof data}`;
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

/** @throws EntityInvalidError for a `toJSON` that gives what is no JSON. */
function toJson(fields: Fields, name: string): string {
  try {
    return JSON.stringify(fields);
  } catch (cause) {
    throw new EntityInvalidError(`${name} cannot be stored as JSON.`, { cause });
  }
}

/** @throws EntityIdError */
export function checkId(id: unknown, entity: string, field = 'id'): string {
  if (typeof id === 'string' && id !== '' && id.isWellFormed()) return id;
  let what: string = typeof id;
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
