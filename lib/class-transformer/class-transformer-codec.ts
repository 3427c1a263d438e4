import { instanceToPlain, plainToClassFromExist } from 'class-transformer';
import { EntityInvalidError, StoredDataError } from '../errors/index.js';
import type { CodecContext, EntityCodec } from '../repository/entity-codec.js';
import { parseObject } from '../repository/entity-format.js';
import { isNamedBySymbol, whyNotStorable } from '../repository/storable.js';

export interface ClassTransformerCodecOptions {
  /** Stored with every entity. Raise it when the stored shape changes. From 1 up. @default 1 */
  readonly version?: number;
  /**
   * Turns what an older version has stored into what the current one would have. `storedVersion` is
   * 0 for plain JSON that was stored before the entity had a codec. @default taken as it is
   */
  readonly migrate?: (plain: Record<string, unknown>, storedVersion: number) => object;
}

/**
 * Stores entities as class-transformer sees them: what `@Type` names (Dates, nested classes) comes
 * back as such, `@Exclude`, `@Expose` and `@Transform` are honoured. The constructor of the entity is not
 * run; those of nested classes are, without arguments. In what is saved, nested values must be
 * instances of their classes for the decorators on them to count.
 */
export function classTransformerCodec(options: ClassTransformerCodecOptions = {}): EntityCodec {
  const { version = 1, migrate } = options;
  return Object.freeze({
    version,
    encode: (data: Readonly<Record<string, unknown>>, context: CodecContext) =>
      JSON.stringify(toPlain(data, context)),
    decode: (payload: string, storedVersion: number, context: CodecContext) => {
      const { name } = context.entityClass;
      const stored = parseObject(payload, name);
      if (storedVersion > version) {
        throw new StoredDataError(
          `A ${name} was stored by version ${storedVersion} of its codec, and this is version ${version}: a newer ` +
            'release of the application has written it. Roll out releases that read a version before those that write it.',
        );
      }
      const plain =
        storedVersion < version && migrate !== undefined ? migrate(stored, storedVersion) : stored;
      return toEntity(plain, context);
    },
  });
}

/** @throws EntityInvalidError naming the path of what would not come back. */
function toPlain(
  data: Readonly<Record<string, unknown>>,
  { entityClass }: CodecContext,
): Record<string, unknown> {
  const { name } = entityClass;
  // class-transformer would call it, and store what it returns.
  const method = Object.keys(data).find((key) => typeof data[key] === 'function');
  if (method !== undefined) throw notStorable(`${name}.${method} is a function`);
  if (isNamedBySymbol(data)) throw notStorable(`${name} has a property named by a symbol`);
  const instance = Object.create(
    entityClass.prototype as object,
    Object.getOwnPropertyDescriptors(data),
  ) as object;
  let plain: Record<string, unknown>;
  try {
    plain = instanceToPlain(instance);
  } catch (cause) {
    // Mostly a value that refers to itself, on which class-transformer overflows the stack.
    throw notStorable(`class-transformer cannot make ${name} plain: ${String(cause)}`, cause);
  }
  const reason = whyNotStorable(plain, name);
  if (reason !== undefined) throw notStorable(reason);
  return plain;
}

/**
 * class-transformer fills an object that looks like the entity, but has none of its accessors, which
 * would be asked before the rest is there; the entity itself gets all values at once.
 */
function toEntity(plain: object, { entityClass }: CodecContext): object {
  const values = Object.create({ constructor: entityClass }) as object;
  plainToClassFromExist(values, plain);
  return Object.assign(Object.create(entityClass.prototype as object) as object, values);
}

function notStorable(reason: string, cause?: unknown): EntityInvalidError {
  return new EntityInvalidError(
    `${reason}, which cannot be stored. Exclude it with @Exclude(), or give it a storable form with @Transform().`,
    cause === undefined ? undefined : { cause },
  );
}
