import {
  EntityAlreadyExistsError,
  EntityInvalidError,
  TransactionOptionsError,
  VersionMismatchError,
} from '../errors/index.js';
import { unknownName } from '../errors/unknown-name.js';
import { isVersion, toldVersion } from '../store/version.js';
import type { ItemState } from '../transaction/operation-log.js';

export interface SaveOptions {
  /** What `versionOf` gave for the entity the change is based on. */
  readonly expectedVersion?: string;
}

/**
 * @throws TransactionOptionsError for an expectation that was lost on the way, and so would not hold.
 * @throws EntityInvalidError for a text that is no version, perhaps from a header of a request.
 */
export function expectedVersionOf(options: SaveOptions | undefined): string | undefined {
  if (options === undefined) return undefined;
  if (typeof options !== 'object' || options === null) {
    throw new TransactionOptionsError('The options of save() must be { expectedVersion }.');
  }
  const unknown = Object.keys(options).find((name) => name !== 'expectedVersion');
  if (unknown !== undefined) {
    throw new TransactionOptionsError(`save(): ${unknownName(unknown, ['expectedVersion'])}`);
  }
  if (!('expectedVersion' in options)) return undefined;
  const { expectedVersion } = options;
  if (isVersion(expectedVersion)) return expectedVersion;
  if (typeof expectedVersion === 'string') {
    throw new EntityInvalidError(
      'expectedVersion is not a version: it must be, character by character, what versionOf() gave.',
    );
  }
  throw new TransactionOptionsError(
    `expectedVersion is ${String(expectedVersion)}; it must be what versionOf() gave for the entity that was ` +
      'read. Copies of an entity have no version.',
  );
}

/**
 * What a transaction has read, or was told to expect before, holds on: a second expectation adds to
 * it and never takes its place.
 * @throws VersionMismatchError where the transaction knows already that another version stands.
 */
export function refuseMismatch(state: ItemState | undefined, expected: string | undefined): void {
  if (expected === undefined || state === undefined) return;
  const found =
    state.seenVersion === undefined ? state.expectation?.version : toldVersion(state.seenVersion);
  if (found === undefined) return;
  const { entity, id } = state.reference;
  if (found !== expected) throw new VersionMismatchError(entity, id, expected, found);
}

/**
 * For an item that was written under an expectation, and is read afterwards.
 * @throws EntityAlreadyExistsError, VersionMismatchError
 */
export function refuseBrokenExpectation({ expectation, reference, seenVersion }: ItemState): void {
  if (expectation === undefined || seenVersion === undefined) return;
  const found = toldVersion(seenVersion);
  if (found === expectation.version) return;
  const { entity, id } = reference;
  if (expectation.reason === 'insert') throw new EntityAlreadyExistsError(entity, id);
  throw new VersionMismatchError(entity, id, expectation.version, found);
}
