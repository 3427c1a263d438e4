import type { QueryConfig, QueryResult, Submittable } from 'pg';
import type { SqlBranch } from '../sql/sql-branch.js';
import type { PgConnection } from './pg-connection.js';

type Callback = (error: unknown, result?: QueryResult) => void;

type QueryArguments = readonly [
  config: string | (QueryConfig & { readonly callback?: Callback }) | FollowedSubmittable,
  values?: unknown[] | Callback,
  callback?: Callback,
];

/** A query, a cursor or a stream that is sent as it is, and hears of its answers itself. */
type FollowedSubmittable = Submittable & {
  readonly text?: string;
  handleReadyForQuery(...args: unknown[]): void;
  handleError(...args: unknown[]): void;
  emit?(event: 'error', error: unknown): void;
};

/** `client.query(...)` in each of its forms, on the connection of a transaction. */
export function queryOn(
  branch: SqlBranch<PgConnection>,
  args: readonly unknown[],
  session?: object,
): unknown {
  const [config, second, third] = args as QueryArguments;
  if (isSubmittable(config)) return submitOn(branch, config, session);
  const values = typeof second === 'function' ? undefined : second;
  const given = typeof config === 'string' ? undefined : config;
  const callback = typeof second === 'function' ? second : (third ?? given?.callback);
  const text = typeof config === 'string' ? config : config?.text;
  const result = branch.run(
    ({ client }, statement): Promise<QueryResult> => {
      if (statement !== (text ?? '')) return client.query(statement);
      if (given === undefined) return client.query(statement, values);
      const plain = given.callback === undefined ? given : { ...given, callback: undefined };
      return client.query(plain, values);
    },
    text,
    session,
  );
  if (callback === undefined) return result;
  result.then(
    (value) => process.nextTick(callback, undefined, value),
    (error: unknown) => process.nextTick(callback, error),
  );
  return undefined;
}

function submitOn(
  branch: SqlBranch<PgConnection>,
  submittable: FollowedSubmittable,
  session: object | undefined,
): FollowedSubmittable {
  let submitted = false;
  const done = branch.run(
    ({ client }) => {
      const ended = followed(submittable);
      submitted = true;
      client.query(submittable);
      return ended;
    },
    submittable.text,
    session,
  );
  done.catch((error: unknown) => {
    if (!submitted) tell(submittable, error);
  });
  return submittable;
}

/** Resolves when the connection is free again. */
function followed(submittable: FollowedSubmittable): Promise<void> {
  const handleReadyForQuery = submittable.handleReadyForQuery.bind(submittable);
  const handleError = submittable.handleError.bind(submittable);
  return new Promise<void>((resolve, reject) => {
    let failure: { readonly error: unknown } | undefined;
    submittable.handleReadyForQuery = function (...args) {
      if (failure === undefined) resolve();
      else reject(failure.error);
      return handleReadyForQuery(...args);
    };
    submittable.handleError = function (...args) {
      failure ??= { error: args[0] };
      // A connection that is lost is never ready again.
      const isAnswer = typeof (args[0] as { severity?: unknown })?.severity === 'string';
      if (!isAnswer) reject(args[0]);
      return handleError(...args);
    };
  });
}

/** It was refused before it was sent. */
function tell(submittable: FollowedSubmittable, error: unknown): void {
  try {
    submittable.handleError(error, undefined);
  } catch {
    submittable.emit?.('error', error);
  }
}

function isSubmittable(config: unknown): config is FollowedSubmittable {
  return typeof (config as { submit?: unknown } | null)?.submit === 'function';
}
