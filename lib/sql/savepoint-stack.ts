import type { Savepoint } from '../transaction/operation-log.js';

/** Something that failed, and would be committed in part by a database that goes on after errors. */
export interface FailedStatement {
  readonly error: unknown;
}

/** One savepoint of the database. */
export interface SavepointLevel {
  readonly name: string;
  /** - `scope`: of a nested method; `transaction`, `savepoint`: asked for by a statement of the user. */
  readonly kind: 'scope' | 'transaction' | 'savepoint';
  /** The scope whose work lies in it. */
  readonly owner: Savepoint | undefined;
  /** A statement of a scope around it ran in it, and would be lost with it. */
  overtaken: boolean;
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

  push(level: Omit<SavepointLevel, 'overtaken' | 'failures'>): void {
    this.#levels.push({ ...level, overtaken: false, failures: [] });
  }

  /** A statement of this scope runs, on top of whatever stands. */
  noteStatement(scope: Savepoint | undefined): void {
    for (const level of this.#levels) {
      const isAround = level.owner === undefined || scope?.isWithin(level.owner) === true;
      if (!isAround) level.overtaken = true;
    }
  }

  /** Where the work of a scope begins; -1 where it has none. */
  indexOf(scope: Savepoint): number {
    return this.#levels.findIndex((level) => level.owner?.isWithin(scope));
  }

  /** The innermost that a statement of this scope asked for, with nothing of a nested method in it. */
  askedFor(
    scope: Savepoint | undefined,
    test: (level: SavepointLevel) => boolean = () => true,
  ): number {
    for (let index = this.#levels.length - 1; index >= 0; index--) {
      const level = this.#levels[index]!;
      if (level.owner !== scope || level.kind === 'scope') return -1;
      if (test(level)) return index;
    }
    return -1;
  }

  /** Whether all from here on belong to the scope, so that they can be released. */
  isOnTop(index: number, scope: Savepoint): boolean {
    return this.#levels.slice(index).every((level) => level.owner?.isWithin(scope));
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
  return level.kind === 'scope' && level.owner === scope;
}
