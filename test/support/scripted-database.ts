import { PostgresDialect } from '../../lib/sql/postgres-dialect.js';
import type { SqlConnection, SqlRow } from '../../lib/sql/sql-connection.js';
import { SqlParticipant, type SqlParticipantOptions } from '../../lib/sql/sql-participant.js';

/** What a statement is answered; undefined: no rows. */
export type Answer = (
  statement: string,
) => Promise<readonly SqlRow[]> | readonly SqlRow[] | undefined;

/** A connection that writes down what it is sent, and answers as it is told. */
export class ScriptedConnection implements SqlConnection {
  readonly sent: string[] = [];
  /** Once for each time it was given back: whether it was destroyed. */
  readonly released: boolean[] = [];

  constructor(readonly answer: Answer) {}

  async execute(statement: string): Promise<readonly SqlRow[]> {
    this.sent.push(statement);
    return (await this.answer(statement)) ?? [];
  }

  async begin(statements: readonly string[]): Promise<void> {
    await this.execute(statements[0]!);
  }

  async commit(statements: readonly string[]): Promise<void> {
    for (const statement of [...statements, 'COMMIT']) await this.execute(statement);
  }

  async rollback(): Promise<void> {
    await this.execute('ROLLBACK');
  }

  release(broken: boolean): Promise<void> {
    this.released.push(broken);
    return Promise.resolve();
  }
}

/** A PostgreSQL that answers as it is told. */
export class ScriptedParticipant extends SqlParticipant<ScriptedConnection> {
  readonly connections: ScriptedConnection[] = [];
  answer: Answer = () => undefined;
  /** Awaited before a connection is given out. */
  connecting: Promise<unknown> = Promise.resolve();

  constructor(options?: Partial<SqlParticipantOptions>) {
    super(new PostgresDialect(), { name: 'scripted', ...options });
  }

  /** What was sent over all connections, without the look at the table when it was opened. */
  get sent(): string[] {
    return this.connections.flatMap(({ sent }) => sent).filter((one) => !one.includes('LIMIT 0'));
  }

  /** Runs a statement in the current transaction. */
  async run(statement: string, session?: object): Promise<void> {
    await this.current()!.run((connection, text) => connection.execute(text), statement, session);
  }

  protected async connect(): Promise<ScriptedConnection> {
    await this.connecting;
    const connection = new ScriptedConnection((statement) => this.answer(statement));
    this.connections.push(connection);
    return connection;
  }
}

/** The error of a driver. */
export function driverError(code: string, severity?: string): Error {
  return Object.assign(new Error(`error ${code}`), { code, severity });
}

/** What is never answered. */
export function silence(): Promise<never> {
  return new Promise<never>(() => undefined);
}
