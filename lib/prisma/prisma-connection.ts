import { TransactionClosedError } from '../errors/index.js';
import type { SqlBegin, SqlConnection, SqlIsolation, SqlRow } from '../sql/index.js';

/** What every generated client can do, as far as the adapter needs it. */
export interface AnyPrismaClient {
  $executeRawUnsafe(statement: string, ...values: never[]): PromiseLike<unknown>;
  $queryRawUnsafe(statement: string, ...values: never[]): PromiseLike<unknown>;
  $transaction(...args: never[]): unknown;
}

type Transact = (
  work: (client: AnyPrismaClient) => Promise<unknown>,
  options: object,
) => Promise<unknown>;

const LEVELS: Readonly<Record<SqlIsolation, string>> = {
  'read-committed': 'ReadCommitted',
  'repeatable-read': 'RepeatableRead',
  serializable: 'Serializable',
};

/** Prisma must not end before its time what the database ends by itself. */
const GRACE_MS = 2_000;

const ROWS = /^\s*(SELECT|SHOW)\b/i;

interface Open {
  readonly client: AnyPrismaClient;
  /** Lets the callback of Prisma return: it commits. */
  readonly commit: () => void;
  /** Lets it throw: it rolls back. */
  readonly rollback: () => void;
  /** Prisma has done it, and has given the connection back. */
  readonly over: Promise<unknown>;
}

/** An interactive transaction, held open by its callback. Prisma has no connections to take without one. */
export class PrismaConnection implements SqlConnection {
  readonly #client: AnyPrismaClient;
  readonly #maxWaitMs: number;
  #open: Open | undefined;
  #isReleased = false;

  constructor(client: AnyPrismaClient, maxWaitMs: number) {
    this.#client = client;
    this.#maxWaitMs = maxWaitMs;
  }

  /** What runs in the transaction. @throws TransactionClosedError once it is over. */
  get client(): AnyPrismaClient {
    if (this.#open !== undefined) return this.#open.client;
    throw new TransactionClosedError(
      'The transaction of Prisma is over; it takes no more queries.',
    );
  }

  async execute(statement: string): Promise<readonly SqlRow[]> {
    const client = this.#open?.client ?? this.#client;
    if (ROWS.test(statement)) return (await client.$queryRawUnsafe(statement)) as SqlRow[];
    await client.$executeRawUnsafe(statement);
    return [];
  }

  async begin([, ...settings]: readonly string[], begin: SqlBegin): Promise<void> {
    await this.#begin(begin);
    if (begin.readOnly) await this.execute('SET TRANSACTION READ ONLY');
    for (const statement of settings) await this.execute(statement);
  }

  async commit(statements: readonly string[]): Promise<void> {
    const { client, commit, over } = this.#taken();
    for (const statement of statements) await client.$executeRawUnsafe(statement);
    this.#open = undefined;
    commit();
    await over;
  }

  async rollback(): Promise<void> {
    const { rollback, over } = this.#taken();
    this.#open = undefined;
    rollback();
    await over.catch(() => undefined);
  }

  /** Prisma gives the connection back, after a statement that still runs. */
  async release(broken: boolean): Promise<void> {
    this.#isReleased = true;
    const open = this.#open;
    this.#open = undefined;
    open?.rollback();
    if (!broken) await open?.over.catch(() => undefined);
  }

  #taken(): Open {
    if (this.#open !== undefined) return this.#open;
    throw new TransactionClosedError('The transaction of Prisma is over.');
  }

  #begin({ isolation, timeoutMs }: SqlBegin): Promise<void> {
    const wholeMs = Math.ceil(timeoutMs);
    const options = {
      isolationLevel: LEVELS[isolation],
      maxWait: Math.max(1, Math.min(wholeMs, this.#maxWaitMs)),
      timeout: wholeMs + GRACE_MS,
    };
    return new Promise((resolve, reject) => {
      const transact = this.#client.$transaction.bind(this.#client) as unknown as Transact;
      const over = transact((client) => {
        const { promise, commit, rollback } = held();
        // The begin was given up before.
        if (this.#isReleased) rollback();
        else this.#open = { client, commit, rollback, over };
        resolve();
        return promise;
      }, options);
      over.catch(reject);
    });
  }
}

function held(): { promise: Promise<void>; commit: () => void; rollback: () => void } {
  let commit!: () => void;
  let rollback!: () => void;
  const promise = new Promise<void>((resolve, reject) => {
    commit = resolve;
    rollback = () => reject(new Error('rolled back'));
  });
  return { promise, commit, rollback };
}
