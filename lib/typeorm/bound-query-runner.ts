import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { QueryRunner } from 'typeorm';
import type { SqlBranch, SqlWork } from '../sql/index.js';
import type { TypeOrmConnection } from './typeorm-connection.js';

type Branch = SqlBranch<TypeOrmConnection>;
type Stream = QueryRunner['stream'];

/** TypeORM numbers its savepoints in each runner; which of them a statement ends is told by the runner. */
const CONTROLS: readonly (readonly [RegExp, string])[] = [
  [/^SAVEPOINT typeorm_\d+$/, 'BEGIN'],
  [/^RELEASE SAVEPOINT typeorm_\d+$/, 'COMMIT'],
  [/^ROLLBACK TO SAVEPOINT typeorm_\d+$/, 'ROLLBACK'],
];

/**
 * Makes a fresh query runner send its statements through the branch, on the connection of the transaction. It takes
 * no connection of its own, and releasing it releases nothing.
 *
 * To TypeORM a transaction runs on it already: what it does in several statements needs none of its own, and
 * `startTransaction` sets a savepoint.
 */
export function bindQueryRunner(runner: QueryRunner, branch: Branch): QueryRunner {
  const plain = runner.query.bind(runner) as (...args: unknown[]) => Promise<unknown>;
  const query = (given: string, values?: unknown[], structured = false): Promise<unknown> => {
    // It says so itself.
    if (runner.isReleased) return plain(given);
    const text = CONTROLS.find(([pattern]) => pattern.test(given))?.[1] ?? given;
    const send: SqlWork<TypeOrmConnection, unknown> = ({ runner: own }, statement) =>
      own.query(statement, statement === given ? values : undefined, structured as true);
    return branch.run(send, text, runner);
  };
  const stream: Stream = (...args) => streamOn(branch, runner, args);
  return Object.assign(runner, {
    query,
    stream,
    connect: () => Promise.resolve(undefined),
    isTransactionActive: true,
    transactionDepth: 1,
  });
}

/** The connection is free again when the stream has ended. */
function streamOn(
  branch: Branch,
  session: QueryRunner,
  args: Parameters<Stream>,
): ReturnType<Stream> {
  return new Promise((resolve, reject) => {
    const done = branch.run(
      async ({ runner }) => {
        const stream = await runner.stream(...args);
        resolve(stream);
        await ended(stream);
      },
      args[0],
      session,
    );
    done.catch(reject);
  });
}

/** Whoever has seen enough may destroy it before. */
async function ended(stream: Readable): Promise<void> {
  try {
    await finished(stream, { writable: false });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  }
}
