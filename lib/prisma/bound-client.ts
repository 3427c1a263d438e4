import { ParticipantUsageError } from '../errors/index.js';
import type { SqlBranch } from '../sql/index.js';
import type { AnyPrismaClient, PrismaConnection } from './prisma-connection.js';

type Branch = SqlBranch<PrismaConnection>;
type Method = (...args: unknown[]) => unknown;
type Methods = Readonly<Record<string, unknown>>;

/** What is asked of a client: of the user's own outside of transactions, of Prisma's transaction in one. */
type Query = (client: AnyPrismaClient) => unknown;

/** Where queries go: `session` tells the `$transaction()`s of the user apart. */
interface Route {
  readonly branch: Branch;
  readonly session: object | undefined;
}

interface Binding {
  readonly name: string;
  readonly client: AnyPrismaClient;
  /** Asked at each call; undefined outside of transactions. */
  readonly route: () => Route | undefined;
}

/** The methods of models that are one query; others were added by extensions and are made of these. */
const QUERIES = new Set([
  'aggregate',
  'count',
  'create',
  'createMany',
  'createManyAndReturn',
  'delete',
  'deleteMany',
  'findFirst',
  'findFirstOrThrow',
  'findMany',
  'findUnique',
  'findUniqueOrThrow',
  'groupBy',
  'update',
  'updateMany',
  'updateManyAndReturn',
  'upsert',
]);
const RAW = /^\$(query|execute)Raw/;
const CONTROL = /^(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|START|END|ABORT|PREPARE)\b/i;

/** The queries behind promises that were not awaited yet, for `$transaction([...])`. */
const queries = new WeakMap<object, Query>();

/**
 * The client, except that inside a transaction its queries go to the one that Prisma holds open for it. What
 * was taken of it (`const { item } = client`) follows as well.
 */
export function boundClient<T extends AnyPrismaClient>(
  client: T,
  name: string,
  current: () => Branch | undefined,
): T {
  const route = (): Route | undefined => {
    const branch = current();
    return branch && { branch, session: undefined };
  };
  return bind({ name, client, route }) as T;
}

function bind(binding: Binding): AnyPrismaClient {
  const { client } = binding;
  const kept = new Map<string, unknown>();
  const bound: AnyPrismaClient = new Proxy(client, {
    get(_, property) {
      const value: unknown = Reflect.get(client, property, client);
      if (typeof property === 'symbol' || property === 'constructor') return value;
      if (!kept.has(property)) kept.set(property, boundMember(binding, bound, { property, value }));
      return kept.get(property);
    },
  });
  return bound;
}

function boundMember(
  binding: Binding,
  bound: AnyPrismaClient,
  { property, value }: { readonly property: string; readonly value: unknown },
): unknown {
  if (isModel(value)) return boundModel(binding, property, value);
  if (typeof value !== 'function') return value;
  const method = value as Method;
  if (property === '$transaction') return transactionOf(binding, method);
  if (property === '$extends') return refusalToExtend(binding);
  if (RAW.test(property)) {
    return (...args: unknown[]) =>
      query(binding, (client) => call(client, property, args), textOf(args[0]));
  }
  // Of the client itself, or of an extension, whose queries are to follow.
  const own = /^\$(connect|disconnect|on|use)$/.test(property) || property.startsWith('_');
  return (...args: unknown[]) => Reflect.apply(method, own ? binding.client : bound, args);
}

function isModel(value: unknown): value is object {
  return typeof (value as { findMany?: unknown } | null | undefined)?.findMany === 'function';
}

function boundModel(binding: Binding, property: string, model: object): object {
  const bound: object = new Proxy(model, {
    get(_, method) {
      const value: unknown = Reflect.get(model, method, model);
      if (typeof value !== 'function' || typeof method === 'symbol') return value;
      if (!QUERIES.has(method)) return (...args: unknown[]) => Reflect.apply(value, bound, args);
      return (...args: unknown[]) =>
        query(binding, (client) => call((client as unknown as Methods)[property], method, args));
    },
  });
  return bound;
}

function call(target: unknown, method: string, args: readonly unknown[]): unknown {
  return Reflect.apply((target as Record<string, Method>)[method]!, target, args);
}

function query(binding: Binding, ask: Query, text?: string): unknown {
  const route = binding.route();
  return route === undefined ? ask(binding.client) : lazy(route, ask, text);
}

/**
 * Like the promises of Prisma: nothing is sent before somebody waits for it, and relations are asked for by
 * further calls (`findUnique(...).posts()`).
 */
function lazy(route: Route, ask: Query, text?: string): object {
  let sent: Promise<unknown> | undefined;
  const send = (): Promise<unknown> => (sent ??= run(route, ask, text));
  const own = new Map<string | symbol, unknown>([
    ['then', (...args: Parameters<Promise<unknown>['then']>) => send().then(...args)],
    ['catch', (...args: Parameters<Promise<unknown>['catch']>) => send().catch(...args)],
    ['finally', (...args: Parameters<Promise<unknown>['finally']>) => send().finally(...args)],
    [Symbol.toStringTag, 'PrismaPromise'],
  ]);
  const promise = new Proxy(
    {},
    {
      get(_, property) {
        if (typeof property === 'symbol' || own.has(property)) return own.get(property);
        return (...args: unknown[]) => lazy(route, (client) => call(ask(client), property, args));
      },
    },
  );
  queries.set(promise, ask);
  return promise;
}

async function run({ branch, session }: Route, ask: Query, text?: string): Promise<unknown> {
  return branch.run(
    async (connection, statement) => {
      if (text === undefined || statement === text) return ask(connection.client);
      return connection.client.$executeRawUnsafe(statement);
    },
    text,
    session,
  );
}

/** Only what controls transactions is of interest. */
function textOf(given: unknown): string | undefined {
  const { sql, strings } = (given ?? {}) as { sql?: unknown; strings?: readonly string[] };
  const parts = Array.isArray(given) ? (given as unknown[]) : strings;
  const text = typeof given === 'string' ? given : (parts?.[0] ?? sql);
  return typeof text === 'string' && CONTROL.test(text.trimStart()) ? text : undefined;
}

/** In a transaction it is a savepoint of it. */
function transactionOf(binding: Binding, own: Method): Method {
  return (given, ...rest) => {
    const route = binding.route();
    if (route === undefined) return Reflect.apply(own, binding.client, [given, ...rest]);
    const session = {};
    const inner: Route = { branch: route.branch, session };
    if (typeof given === 'function') {
      const client = bind({ ...binding, route: () => inner });
      return inSavepoint(inner, async () => (given as Method)(client));
    }
    const asks = (given as object[]).map((promise) => askOf(binding, promise));
    return inSavepoint(inner, async () => {
      const values: unknown[] = [];
      for (const ask of asks) values.push(await run(inner, ask));
      return values;
    });
  };
}

function askOf({ name }: Binding, promise: object): Query {
  const ask = queries.get(promise);
  if (ask !== undefined) return ask;
  throw new ParticipantUsageError(
    `$transaction([...]) on ${name} was given something that its client has not made within the transaction. Make ` +
      'the queries by participant.client, in the method that runs them, and do not await them.',
  );
}

async function inSavepoint<T>({ branch, session }: Route, work: () => Promise<T>): Promise<T> {
  await branch.begin(session);
  let value: T;
  try {
    value = await work();
  } catch (error) {
    // What cannot be undone dooms the transaction; the user hears why it had to be.
    await branch.rollback(session).catch(() => undefined);
    throw error;
  }
  await branch.commit(session);
  return value;
}

function refusalToExtend({ name }: Binding): Method {
  return () => {
    throw new ParticipantUsageError(
      `The client of participant ${name} cannot be extended any more, since its transactions would not have the ` +
        'extension. Extend the client that you give to the participant.',
    );
  };
}
