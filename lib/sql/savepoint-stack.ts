import type { Savepoint } from '../transaction/operation-log.js';

/** Something that failed, and would be committed in part by a database that goes on after errors. */
export interface FailedStatement {
  readonly error: unknown;
}

/** Where a statement comes from. */
export interface StatementOrigin {
  readonly scope: Savepoint | undefined;
  /** The client of the pool that it was given to: those know nothing of each other's BEGIN. */
  readonly session: object | undefined;
}

/** One savepoint of the database. */
export interface SavepointLevel extends StatementOrigin {
  readonly name: string;
  /** - `scope`: of a nested method; `transaction`, `savepoint`: asked for by a statement of the user. */
  readonly kind: 'scope' | 'transaction' | 'savepoint';
  /** A statement that does not belong to it ran in it, and would be lost with it. */
  overtaken: boolean;
  /** It was committed by hand, and stands only because something else does above it. */
  over: boolean;
  readonly failures: FailedStatement[];
}

/** The savepoints that stand in the database, from the outermost one. */
export class SavepointStack {
  #levels: SavepointLevel[] = [];
  #count = 0;

  get all(): readonly SavepointLevel[] {
    return this.#levels;
  }

  /** The scopes around `scope`, it included, that have no savepoint yet, from the outermost one. */
  missing(scope: Savepoint | undefined): Savepoint[] {
    const chain: Savepoint[] = [];
    for (let one = scope; one !== undefined; one = one.parent) chain.unshift(one);
    return chain.filter((one) => !this.#levels.some((level) => isOf(level, one)));
  }

  nextName(): string {
    return `dtx_${++this.#count}`;
  }

  push(level: Pick<SavepointLevel, 'name' | 'kind' | 'scope' | 'session'>): void {
    this.#levels.push({ ...level, overtaken: false, over: false, failures: [] });
  }

  /** A statement runs, on top of whatever stands. */
  noteStatement({ scope, session }: StatementOrigin): void {
    for (const level of this.#levels) {
      const isAround = level.scope === undefined || scope?.isWithin(level.scope) === true;
      const isShared = level.kind === 'scope' || level.over || level.session === session;
      if (!isAround || !isShared) level.overtaken = true;
    }
  }

  /** Where the work of a scope begins; -1 where it has none. */
  indexOf(scope: Savepoint): number {
    return this.#levels.findIndex((level) => level.scope?.isWithin(scope));
  }

  /** The innermost that was asked for there, with nothing of a nested method in it; -1 where there is none. */
  askedFor(
    { scope, session }: StatementOrigin,
    test: (level: SavepointLevel) => boolean = () => true,
  ): number {
    for (let index = this.#levels.length - 1; index >= 0; index--) {
      const level = this.#levels[index]!;
      if (level.scope !== scope || level.kind === 'scope') return -1;
      if (level.session === session && !level.over && test(level)) return index;
    }
    return -1;
  }

  /** Nothing of another client of the pool stands from here on. */
  isAlone(index: number): boolean {
    const { session } = this.#levels[index]!;
    return this.#levels.slice(index).every((level) => level.session === session);
  }

  /** Whether all from here on belong to the scope, so that they can be released. */
  isOnTop(index: number, scope: Savepoint): boolean {
    return this.#levels.slice(index).every((level) => level.scope?.isWithin(scope));
  }

  /** Those from here on stand no more. */
  cut(index: number): readonly SavepointLevel[] {
    return this.#levels.splice(index);
  }

  clear(): void {
    this.#levels = [];
  }
}

function isOf(level: SavepointLevel, scope: Savepoint): boolean {
  return level.kind === 'scope' && level.scope === scope;
}
