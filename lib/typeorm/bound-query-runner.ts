import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { QueryRunner } from 'typeorm';
import type { SqlBranch } from '../sql/index.js';
import type { TypeOrmConnection } from './typeorm-connection.js';

type Branch = SqlBranch<TypeOrmConnection>;
type Stream = QueryRunner['stream'];

/** Of one query runner: TypeORM gives those of another the same names. */
const SAVEPOINT = /^(?:(?:ROLLBACK TO|RELEASE) )?SAVEPOINT typeorm_\d+$/;
let count = 0;

/**
 * Makes a fresh query runner send its statements through the branch, on the connection of the transaction. It takes
 * no connection of its own, and releasing it releases nothing.
 *
 * To TypeORM a transaction runs on it already: what it does in several statements needs none of its own, and
 * `startTransaction` sets a savepoint.
 */
export function bindQueryRunner(runner: QueryRunner, branch: Branch): QueryRunner {
  const plain = runner.query.bind(runner) as (...args: unknown[]) => Promise<unknown>;
  const number = ++count;
  const query = (given: string, values?: unknown[], structured = false): Promise<unknown> => {
    // It says so itself.
    if (runner.isReleased) return plain(given);
    const text = SAVEPOINT.test(given) ? `${given}_${number}` : given;
    return branch.run(({ runner: own }, statement) => {
      const parameters = statement === text ? values : undefined;
      return own.query(statement, parameters, structured as true) as Promise<unknown>;
    }, text);
  };
  const stream: Stream = (...args) => streamOn(branch, args);
  return Object.assign(runner, {
    query,
    stream,
    connect: () => Promise.resolve(undefined),
    isTransactionActive: true,
    transactionDepth: 1,
  });
}

/** The connection is free again when the stream has ended. */
function streamOn(branch: Branch, args: Parameters<Stream>): ReturnType<Stream> {
  return new Promise((resolve, reject) => {
    const done = branch.run(async ({ runner }) => {
      const stream = await runner.stream(...args);
      resolve(stream);
      await ended(stream);
    }, args[0]);
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
