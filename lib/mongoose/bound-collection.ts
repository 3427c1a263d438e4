import { Readable } from 'node:stream';
import type { MongooseBranch } from './mongoose-branch.js';

type Method = (...args: unknown[]) => unknown;

interface Operation {
  /** Where its options stand among the arguments. */
  readonly options: number;
  readonly writes: boolean;
}

const reads = (options: number): Operation => ({ options, writes: false });
const writes = (options: number): Operation => ({ options, writes: true });

/** What MongoDB does in transactions; all else is no part of them. */
const OPERATIONS: ReadonlyMap<string, Operation> = new Map([
  ['countDocuments', reads(1)],
  ['estimatedDocumentCount', reads(0)],
  ['distinct', reads(2)],
  ['findOne', reads(1)],
  ['bulkWrite', writes(1)],
  ['insertOne', writes(1)],
  ['insertMany', writes(1)],
  ['deleteOne', writes(1)],
  ['deleteMany', writes(1)],
  ['updateOne', writes(2)],
  ['updateMany', writes(2)],
  ['replaceOne', writes(2)],
  ['findOneAndDelete', writes(1)],
  ['findOneAndReplace', writes(2)],
  ['findOneAndUpdate', writes(2)],
]);
const CURSORS = new Set(['find', 'aggregate']);
const CURSOR_OPTIONS = 1;
/** The methods of a cursor that ask the server. */
const FETCHES = new Set(['toArray', 'next', 'tryNext', 'hasNext', 'count', 'explain', 'close']);

/**
 * A collection of the driver, of which each operation goes to the session of the transaction that runs, if
 * one does. An operation that is given another session is left to it.
 */
export function boundCollection<T extends object>(
  collection: T,
  current: () => MongooseBranch | undefined,
): T {
  return new Proxy(collection, {
    get(_, property) {
      const value: unknown = Reflect.get(collection, property, collection);
      if (typeof value !== 'function' || typeof property === 'symbol') return value;
      const own = value as Method;
      const plain = (args: unknown[]): unknown => Reflect.apply(own, collection, args);
      const operation = OPERATIONS.get(property);
      if (operation === undefined && !CURSORS.has(property))
        return (...args: unknown[]) => plain(args);
      return (...args: unknown[]) => {
        const at = operation?.options ?? CURSOR_OPTIONS;
        const branch = branchFor(args[at], current);
        if (branch === undefined) return plain(args);
        if (operation === undefined) {
          return boundCursor(plain(withSession(args, at, branch.session())) as object, branch);
        }
        return branch.run(
          async (session) => plain(withSession(args, at, session)),
          operation.writes,
        );
      };
    },
  });
}

function branchFor(
  options: unknown,
  current: () => MongooseBranch | undefined,
): MongooseBranch | undefined {
  const { session } = (options ?? {}) as { session?: unknown };
  const branch = current();
  return session === undefined || session === null || branch?.isOwn(session) ? branch : undefined;
}

function withSession(args: readonly unknown[], at: number, session: unknown): unknown[] {
  const all = [...args];
  while (all.length < at) all.push(undefined);
  all[at] = { ...(args[at] as object | undefined), session };
  return all;
}

/** One fetch at a time, in turn with everything else that the transaction does. */
function boundCursor(cursor: object, branch: MongooseBranch): object {
  const next = (): Promise<unknown> =>
    branch.run(async () => Reflect.apply(Reflect.get(cursor, 'next') as Method, cursor, []), false);
  async function* documents(): AsyncGenerator<unknown> {
    for (let one = await next(); one !== null; one = await next()) yield one;
  }
  const own = new Map<string | symbol, unknown>([
    [Symbol.asyncIterator, documents],
    ['stream', () => Readable.from(documents())],
    [
      'forEach',
      async (work: (one: unknown) => unknown) => {
        for await (const one of documents()) if (work(one) === false) return;
      },
    ],
  ]);
  const bound: object = new Proxy(cursor, {
    get(_, property) {
      if (own.has(property)) return own.get(property);
      const value: unknown = Reflect.get(cursor, property, cursor);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        const call = (): unknown => Reflect.apply(value, cursor, args);
        if (FETCHES.has(property as string)) return branch.run(async () => call(), false);
        const result = call();
        return result === cursor ? bound : result;
      };
    },
  });
  return bound;
}
