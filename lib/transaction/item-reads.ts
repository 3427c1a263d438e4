import type { ItemLocks } from '../commit/item-locks.js';
import { ForeignDataError } from '../errors/index.js';
import type { ForeignValue, StoredItem } from '../store/stored-item.js';
import type { ReadReply } from '../store/versioned-store.js';
import type { Contender } from './contender.js';
import { limitItems } from './limits.js';
import type { MaybePromise } from './maybe-promise.js';
import { present, type OperationLog } from './operation-log.js';
import type { ItemReference } from './operation.js';
import type { TransactionEnvironment } from './transaction-environment.js';

/** A transaction, as far as it reads. */
export interface ItemReader {
  readonly log: OperationLog;
  readonly environment: Pick<TransactionEnvironment, 'coordinator' | 'limits'>;
  /** Local monotonic milliseconds. */
  readonly until: number;
  /** Undefined as long as nobody contends for anything. */
  readonly contender: Contender | undefined;
  /** What it holds in the store; undefined where that is nothing. */
  readonly locks: ItemLocks | undefined;
  /** @throws TransactionClosedError */
  assertOpen(): void;
  /** The commit waits for `start` and what comes of it; returns that. */
  follow<T, R>(start: Promise<T>, proceed: (value: T) => R): Promise<R>;
}

/** Reads those of the items that were not read before; `then` finds all of them known. */
export function readThen<R>(
  reader: ItemReader,
  references: readonly ItemReference[],
  then: () => R,
): MaybePromise<R> {
  reader.assertOpen();
  const { log, contender } = reader;
  const missing = references.filter((item) => log.stateOf(item)?.seen === undefined);
  if (missing.length === 0) return then();
  limitItems(log, missing, reader.environment.limits);
  // Whoever holds something in the store waits for nobody here, who may be waiting for that.
  if (contender === undefined || reader.locks !== undefined) {
    return readFromStore(reader, missing, then);
  }
  const waiting = contender.take(missing.map(({ key }) => key));
  if (waiting === undefined) return readContended(reader, contender, missing, then);
  return reader.follow(waiting, () => {
    reader.assertOpen();
    return readContended(reader, contender, missing, then);
  }) as Promise<R>;
}

/** Reads what stands there now, without recording and without validation. */
export function peekThen<R>(
  reader: ItemReader,
  reference: ItemReference,
  then: (item: StoredItem | ForeignValue | null) => R,
): Promise<R> {
  reader.assertOpen();
  return fetchThen(reader, [reference], ({ items: [item] }) =>
    then(item?.kind === 'foreign' ? item : present(item)),
  );
}

/** It is this transaction's turn, and what others have just sent is known. */
function readContended<R>(
  reader: ItemReader,
  contender: Contender,
  missing: readonly ItemReference[],
  then: () => R,
): MaybePromise<R> {
  const unknown = missing.filter((reference) => {
    const item = contender.known(reference.key);
    // Without a moment: whatever this transaction does, the store validates it.
    if (item !== undefined) reader.log.recordRead(reference, item, undefined);
    return item === undefined;
  });
  return unknown.length === 0 ? then() : readFromStore(reader, unknown, then);
}

function readFromStore<R>(
  reader: ItemReader,
  missing: readonly ItemReference[],
  then: () => R,
): Promise<R> {
  const { log, contender } = reader;
  return fetchThen(reader, missing, (reply) => {
    for (const [index, reference] of missing.entries()) {
      const item = reply.items[index];
      if (item?.kind === 'foreign') throw new ForeignDataError(reference.key);
      log.recordRead(reference, item, reply.moment);
      contender?.learn(reference.key, item);
    }
    return then();
  });
}

function fetchThen<R>(
  reader: ItemReader,
  references: readonly ItemReference[],
  then: (reply: ReadReply) => R,
): Promise<R> {
  const keys = references.map((reference) => reference.key);
  const { environment, until } = reader;
  const { coordinator } = environment;
  return reader.follow(coordinator.read(keys, until), (stood) => {
    reader.assertOpen();
    const reply = reader.locks?.withoutOwn(stood) ?? stood;
    if (!reply.locked) return then(reply);
    return reader.follow(coordinator.readPast(keys, reply, until), (readable) => {
      reader.assertOpen();
      return then(readable);
    }) as R;
  });
}
