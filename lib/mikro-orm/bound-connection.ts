import type { Connection, EntityManager } from '@mikro-orm/core';
import { override, type SqlBranch } from '../sql/index.js';
import type { Savepoint } from '../transaction/operation-log.js';
import type { MikroOrmConnection } from './mikro-orm-connection.js';

export type MikroOrmBranch = SqlBranch<MikroOrmConnection>;

/** Stands in MikroORM for the transaction of knex: whoever has it works in this branch. */
export class BranchContext {
  constructor(
    readonly branch: MikroOrmBranch,
    /** Of the method that it was made in. */
    readonly savepoint: Savepoint | undefined,
    /** Tells whose savepoint a commit or a rollback by hand is about. */
    readonly session: object = {},
  ) {}

  /** Undefined where it is in no transaction of ours. */
  static of(manager: EntityManager | undefined): BranchContext | undefined {
    const context: unknown = manager?.getTransactionContext();
    return context instanceof BranchContext ? context : undefined;
  }
}

/** What the connection asks of the participant. */
export interface BranchSource {
  current(): MikroOrmBranch | undefined;
  savepoint(): Savepoint | undefined;
  /** Flushes what the current method has changed. */
  flush(branch: MikroOrmBranch): Promise<void>;
  /** Runs it as a method of this propagation. */
  run<T>(work: () => Promise<T>, propagation: 'NESTED' | 'REQUIRES_NEW'): Promise<T>;
}

interface SqlText {
  readonly client?: { readonly transacting?: boolean };
  toSQL(): { readonly sql: string };
}

/** The connection as the SQL drivers of MikroORM have it. */
interface DrivenConnection extends Connection {
  execute(query: string | SqlText, ...rest: ExecuteRest): Promise<never>;
}

type ExecuteRest = [
  params?: unknown[],
  method?: 'all' | 'get' | 'run',
  context?: unknown,
  logger?: object,
];

type TransactionalOptions = Parameters<Connection['transactional']>[1];

/**
 * Has the connection of MikroORM follow the transactions of the source: statements run on the connection of the
 * branch, and transactions become nested ones. Tells how to take it back.
 */
export function followTransactions(given: Connection, source: BranchSource): () => void {
  const connection = given as DrivenConnection;
  const plain = {
    execute: connection.execute.bind(connection),
    transactional: connection.transactional.bind(connection),
    begin: connection.begin.bind(connection),
    commit: connection.commit.bind(connection),
    rollback: connection.rollback.bind(connection),
  };
  /** Undefined where it is for a transaction of MikroORM's own, or none. */
  const branchOf = (context: unknown): MikroOrmBranch | undefined => {
    if (context instanceof BranchContext) return context.branch;
    return context === undefined || context === null ? source.current() : undefined;
  };
  const contextIn = (branch: MikroOrmBranch, session?: object): BranchContext =>
    new BranchContext(branch, source.savepoint(), session);

  const execute: DrivenConnection['execute'] = async (query, ...rest) => {
    const [params, method, context, logger] = rest;
    const isOwn = typeof query === 'object' && query.client?.transacting === true;
    const branch = isOwn ? undefined : branchOf(context);
    if (branch === undefined) return plain.execute(query, ...rest);
    const text = typeof query === 'string' ? query : query.toSQL().sql;
    return branch.run(
      (own, statement) =>
        statement === text
          ? plain.execute(query, params, method, own.context, logger)
          : plain.execute(statement, [], 'run', own.context, logger),
      text,
      sessionOf(context),
    );
  };

  const transactional: Connection['transactional'] = async (work, options) => {
    const branch = source.current();
    if (branch === undefined || branchOf(options?.ctx) !== branch) {
      return plain.transactional(work, options);
    }
    // The nested one knows the same entities: it would flush their changes, and take them back if it fails.
    await source.flush(branch);
    return source.run(() => work(contextIn(source.current()!)), propagationOf(options));
  };

  const restore = [
    override(connection, 'execute', execute),
    override(connection, 'transactional', transactional),
    override(connection, 'begin', async (options) => {
      const branch = branchOf(options?.ctx);
      if (branch === undefined) return plain.begin(options);
      const context = contextIn(branch, sessionOf(options?.ctx));
      await branch.begin(context.session);
      return context;
    }),
    override(connection, 'commit', async (context, ...rest) => {
      if (context instanceof BranchContext) await context.branch.commit(context.session);
      else await plain.commit(context, ...rest);
    }),
    override(connection, 'rollback', async (context, ...rest) => {
      if (context instanceof BranchContext) await context.branch.rollback(context.session);
      else await plain.rollback(context, ...rest);
    }),
  ];
  return () => {
    for (const one of restore) one();
  };
}

function sessionOf(context: unknown): object | undefined {
  return context instanceof BranchContext ? context.session : undefined;
}

/** What `em.transactional` was asked for, which it hands on. */
function propagationOf(options: TransactionalOptions): 'NESTED' | 'REQUIRES_NEW' {
  const { propagation } = (options ?? {}) as { readonly propagation?: unknown };
  return propagation === 'requires_new' ? 'REQUIRES_NEW' : 'NESTED';
}
