import { ParticipantRefusedError, ParticipantUsageError } from '../errors/index.js';
import type { Savepoint } from '../transaction/operation-log.js';
import type { ControlText } from './control-text.js';
import type { SavepointLevel, SavepointStack, StatementOrigin } from './savepoint-stack.js';
import type { SqlConnection } from './sql-connection.js';
import type { SqlDialect } from './sql-dialect.js';

export interface ControlStatement {
  readonly control: ControlText;
  readonly statement: string;
  readonly connection: SqlConnection;
  readonly origin: StatementOrigin;
}

interface ControlHost {
  readonly name: string;
  readonly dialect: SqlDialect;
}

type Send<T> = (statement: string) => Promise<T>;

/** Places the savepoints of nested methods, and makes savepoints of transactions that are begun by hand. */
export class StatementControl {
  readonly #host: ControlHost;
  readonly #stack: SavepointStack;
  readonly #doom: (error: unknown, scope: Savepoint | undefined) => void;

  constructor(
    host: ControlHost,
    stack: SavepointStack,
    doom: (error: unknown, scope: Savepoint | undefined) => void,
  ) {
    this.#host = host;
    this.#stack = stack;
    this.#doom = doom;
  }

  /** Before a statement is sent; what ends something by hand leaves nothing that could be lost. */
  async enter(
    connection: SqlConnection,
    origin: StatementOrigin,
    control: ControlText | undefined,
  ): Promise<void> {
    for (const scope of this.#stack.missing(origin.scope)) {
      const name = this.#stack.nextName();
      this.#stack.noteStatement({ ...origin, scope });
      await connection.execute(this.#host.dialect.savepoint(name));
      this.#stack.push({ name, kind: 'scope', scope, session: undefined });
    }
    if (control === undefined || control.kind === 'begin' || control.kind === 'savepoint') {
      this.#stack.noteStatement(origin);
    }
  }

  /** @throws ParticipantUsageError for what would end the whole transaction. */
  run<T>(given: ControlStatement, send: Send<T>): Promise<T> {
    switch (given.control.kind) {
      case 'begin':
        return this.#begin(given, send);
      case 'savepoint':
        return this.#savepoint(given, given.control.name, send);
      case 'commit':
        return this.#commit(given, send);
      case 'rollback':
        return this.#rollback(given, send);
      case 'release':
        return this.#release(given, given.control.name, send);
      case 'rollback-to':
        return this.#rollbackTo(given, given.control.name, send);
      case 'refused':
        throw this.#refusal(given);
    }
  }

  /** Whether the failure is undone if a savepoint that the user asked for is rolled back. */
  recordFailure(error: unknown, origin: StatementOrigin): boolean {
    const level = this.#stack.all[this.#stack.askedFor(origin)];
    level?.failures.push({ error });
    return level !== undefined;
  }

  /** Whether work of a scope around it was undone with it. */
  async rollbackScope(connection: SqlConnection, scope: Savepoint): Promise<boolean> {
    const index = this.#stack.indexOf(scope);
    const level = this.#stack.all[index];
    if (level === undefined) return false;
    const { dialect } = this.#host;
    await connection.execute(dialect.rollbackTo(level.name));
    await connection.execute(dialect.release(level.name));
    this.#stack.cut(index);
    return level.overtaken;
  }

  async releaseScope(connection: SqlConnection, scope: Savepoint): Promise<void> {
    const index = this.#stack.indexOf(scope);
    const level = this.#stack.all[index];
    // Below the savepoint of another scope it has to stay; it does no harm there.
    if (level === undefined || !this.#stack.isOnTop(index, scope)) return;
    this.#refuseOpen(this.#stack.all.slice(index), scope);
    await connection.execute(this.#host.dialect.release(level.name));
    this.#promote(this.#stack.cut(index), { scope: scope.parent, session: undefined });
  }

  /** @throws ParticipantUsageError, ParticipantRefusedError */
  assertCommittable(): void {
    const open = this.#stack.all.find(isOpen);
    if (open !== undefined) throw this.#leftOpen();
    const [failure] = this.#stack.all.flatMap(({ failures }) => failures);
    if (failure === undefined) return;
    throw new ParticipantRefusedError(
      `A statement on ${this.#host.name} failed in a savepoint that was not rolled back. Nothing was written.`,
      { cause: failure.error },
    );
  }

  async #begin<T>({ origin }: ControlStatement, send: Send<T>): Promise<T> {
    const name = this.#stack.nextName();
    const value = await send(this.#host.dialect.savepoint(name));
    this.#stack.push({ ...origin, name, kind: 'transaction' });
    return value;
  }

  async #savepoint<T>(
    { origin, statement }: ControlStatement,
    name: string,
    send: Send<T>,
  ): Promise<T> {
    const value = await send(statement);
    this.#stack.push({ ...origin, name, kind: 'savepoint' });
    return value;
  }

  async #commit<T>(given: ControlStatement, send: Send<T>): Promise<T> {
    const index = this.#begun(given);
    const level = this.#stack.all[index]!;
    if (this.#stack.isAlone(index)) {
      const value = await send(this.#host.dialect.release(level.name));
      this.#promote(this.#stack.cut(index), given.origin);
      return value;
    }
    // What another client has begun stands above it, and would be released as well.
    const value = await send('SELECT 1');
    level.over = true;
    this.#promote([level], given.origin);
    return value;
  }

  async #rollback<T>(given: ControlStatement, send: Send<T>): Promise<T> {
    const index = this.#begun(given);
    const { name } = this.#stack.all[index]!;
    const value = await send(this.#host.dialect.rollbackTo(name));
    this.#doomOvertaken(index);
    this.#stack.cut(index);
    await given.connection.execute(this.#host.dialect.release(name));
    return value;
  }

  async #release<T>(given: ControlStatement, name: string, send: Send<T>): Promise<T> {
    const index = this.#stack.askedFor(given.origin, (level) => isNamed(level, name));
    const value = await send(given.statement);
    if (index >= 0) this.#promote(this.#stack.cut(index), given.origin);
    return value;
  }

  async #rollbackTo<T>(given: ControlStatement, name: string, send: Send<T>): Promise<T> {
    const index = this.#stack.askedFor(given.origin, (level) => isNamed(level, name));
    if (index < 0) {
      throw new ParticipantUsageError(
        `ROLLBACK TO SAVEPOINT ${name} on ${this.#host.name}: no savepoint of this name was set in this method, or ` +
          'a nested method runs in it.',
      );
    }
    const value = await send(given.statement);
    this.#doomOvertaken(index);
    this.#stack.cut(index + 1);
    this.#stack.all[index]!.failures.length = 0;
    return value;
  }

  #doomOvertaken(index: number): void {
    const level = this.#stack.all[index]!;
    if (!level.overtaken) return;
    const error = new ParticipantUsageError(
      `What was begun by hand on ${this.#host.name} was rolled back while others ran statements in it, which were ` +
        'lost with it; the whole transaction is rolled back. Begin one thing after the other.',
    );
    this.#doom(error, undefined);
  }

  /** @throws ParticipantUsageError where nothing was begun by hand. */
  #begun(given: ControlStatement): number {
    const index = this.#stack.askedFor(given.origin, ({ kind }) => kind === 'transaction');
    if (index < 0) throw this.#refusal(given);
    return index;
  }

  #refusal({ statement }: ControlStatement): ParticipantUsageError {
    return new ParticipantUsageError(
      `${JSON.stringify(statement.slice(0, 60))} was refused: ${this.#host.name} commits and rolls back together with ` +
        'the transaction it takes part in, and not by a statement. Nothing was written. Let the method return, or throw.',
    );
  }

  #leftOpen(): ParticipantUsageError {
    return new ParticipantUsageError(
      `A BEGIN on ${this.#host.name} within the transaction has neither COMMIT nor ROLLBACK. Nothing was written.`,
    );
  }

  /** What nobody will end any more. */
  #refuseOpen(levels: readonly SavepointLevel[], scope: Savepoint): void {
    if (levels.some(isOpen)) this.#doom(this.#leftOpen(), scope.parent);
  }

  /** Failures that were not undone are those of what lies around. */
  #promote(levels: readonly SavepointLevel[], origin: StatementOrigin): void {
    for (const { error } of levels.flatMap(({ failures }) => failures)) {
      if (!this.recordFailure(error, origin)) this.#doom(error, origin.scope);
    }
  }
}

function isOpen({ kind, over }: SavepointLevel): boolean {
  return kind === 'transaction' && !over;
}

function isNamed({ kind, name }: SavepointLevel, wanted: string): boolean {
  return kind === 'savepoint' && name === wanted;
}
