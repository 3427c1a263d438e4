import type { EventEmitter } from 'node:events';
import { PassThrough, pipeline, type Readable, type TransformOptions } from 'node:stream';
import type { SqlBranch } from './sql-branch.js';
import type { SqlConnection } from './sql-connection.js';
import { withMethods } from './with-methods.js';

export type QueryCallback = (error: unknown, ...results: unknown[]) => void;

/** A connection whose methods take a callback, or give what can be streamed. */
export interface CallbackConnection {
  query(...args: unknown[]): unknown;
  execute?(...args: unknown[]): unknown;
  /** It may have paused for who reads a stream. */
  resume?(): void;
}

/** A statement of `mysql2`; 'end' comes when the connection is free. */
interface StreamedStatement extends EventEmitter {
  stream(options?: TransformOptions): Readable;
}

type Statement = string | { readonly text?: string; readonly sql?: string };

/** What `pg` sends as it is: a QueryStream. */
type SentAsItIs = Readable & { submit(): void; readonly cursor?: { readonly text?: string } };

interface Given {
  readonly branch: SqlBranch<SqlConnection>;
  readonly driver: CallbackConnection;
  readonly method: 'query' | 'execute';
  readonly session: object;
}

export interface CallbackConnectionOptions {
  /** Who holds it; see `SqlBranch.run`. @default somebody of its own */
  readonly session?: object;
  /** Statements that say how the next BEGIN begins: the transaction around it has said it. */
  readonly settings: RegExp;
  /** What it does in another way than the driver. */
  readonly methods?: Readonly<Record<string, () => unknown>>;
}

/**
 * The connection of a branch, for a client that gives it callbacks.
 *
 * @param driver On which the branch runs.
 */
export function callbackConnection<D extends CallbackConnection, C extends SqlConnection>(
  driver: D,
  branch: SqlBranch<C>,
  { session = {}, settings, methods }: CallbackConnectionOptions,
): D {
  const common = { branch: branch as unknown as SqlBranch<SqlConnection>, driver, session };
  const send =
    (method: Given['method']) =>
    (...args: unknown[]): unknown => {
      const given = { ...common, method };
      const [statement] = args;
      if (isSentAsItIs(statement)) return submit(given, statement);
      const text = textOf(statement as Statement);
      const callback = args.at(-1) as QueryCallback | undefined;
      if (typeof callback !== 'function') return { stream: streamOf(given, args, text) };
      if (settings.test(text)) process.nextTick(callback, undefined, []);
      else ask(given, args, { text, callback });
      return undefined;
    };
  return withMethods(driver, { ...methods, query: send('query'), execute: send('execute') });
}

function ask(
  { branch, driver, method, session }: Given,
  args: readonly unknown[],
  { text, callback }: { readonly text: string; readonly callback: QueryCallback },
): void {
  const result = branch.run(
    (_, statement) =>
      new Promise<readonly unknown[]>((resolve, reject) => {
        const heard: QueryCallback = (error, ...results) =>
          error ? reject(error as Error) : resolve(results);
        // What stands in its place has no values, and cannot always be prepared.
        if (statement === text) driver[method]!(...args.slice(0, -1), heard);
        else driver.query(statement, heard);
      }),
    text,
    session,
  );
  result.then(
    (results) => process.nextTick(callback, undefined, ...results),
    (error: unknown) => process.nextTick(callback, error),
  );
}

/** `query(...).stream()` of `mysql2`. The rest of what nobody reads to its end is passed over. */
function streamOf(
  { branch, driver, method, session }: Given,
  args: readonly unknown[],
  text: string,
): (options?: TransformOptions) => Readable {
  return (options) => {
    const rows = new PassThrough({ ...options, objectMode: true });
    const sent = branch.run(
      () =>
        new Promise<void>((resolve, reject) => {
          const statement = driver[method]!(...args) as StreamedStatement;
          statement.once('end', resolve);
          statement.once('error', reject);
          pipeline(statement.stream(options), rows, () => driver.resume?.());
        }),
      text,
      session,
    );
    sent.catch((error: unknown) => rows.destroy(error as Error));
    return rows;
  };
}

/** The connection is free again when the stream is closed. */
function submit({ branch, driver, session }: Given, stream: SentAsItIs): SentAsItIs {
  const sent = branch.run(
    () =>
      new Promise<void>((resolve, reject) => {
        stream.once('error', reject);
        stream.once('close', resolve);
        driver.query(stream);
      }),
    stream.cursor?.text,
    session,
  );
  sent.catch((error: unknown) => stream.destroy(error as Error));
  return stream;
}

function textOf(statement: Statement): string {
  return typeof statement === 'string' ? statement : (statement.text ?? statement.sql ?? '');
}

function isSentAsItIs(given: unknown): given is SentAsItIs {
  return typeof (given as { submit?: unknown } | null)?.submit === 'function';
}
