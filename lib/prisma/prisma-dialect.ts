import { PostgresDialect, type SqlErrorKind } from '../sql/index.js';

/** Deadlock or serialization failure. */
const CONFLICT = 'P2034';
/** Not reachable, timed out, closed by the server, no connection to spare; the transaction is over. */
const UNAVAILABLE = new Set(['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2028']);
const PRISMA_CODE = /^P\d{4}$/;
const DEPTH = 6;

/**
 * PostgreSQL behind Prisma, whose errors have codes of their own: those look like SQL states, and must not be
 * taken for them.
 */
export class PrismaPostgresDialect extends PostgresDialect {
  override kindOf(error: unknown): SqlErrorKind {
    const codes = prismaCodesOf(error);
    if (codes.includes(CONFLICT)) return 'conflict';
    if (codes.some((code) => UNAVAILABLE.has(code))) return 'unavailable';
    return super.kindOf(errorOfServer(error));
  }

  override provesNoCommit(error: unknown): boolean {
    const codes = prismaCodesOf(error);
    if (codes.some((code) => UNAVAILABLE.has(code))) return false;
    return codes.includes(CONFLICT) || super.provesNoCommit(errorOfServer(error));
  }

  override isMissingTable(error: unknown): boolean {
    return super.isMissingTable(errorOfServer(error));
  }
}

interface ErrorOfPrisma {
  readonly code?: unknown;
  /** Of a driver adapter. */
  readonly originalCode?: unknown;
  readonly severity?: unknown;
  readonly meta?: unknown;
  readonly cause?: unknown;
  readonly driverAdapterError?: unknown;
}

function* within(error: unknown, depth = DEPTH): Generator<ErrorOfPrisma> {
  if (typeof error !== 'object' || error === null || depth === 0) return;
  const one = error as ErrorOfPrisma;
  yield one;
  for (const inner of [one.meta, one.cause, one.driverAdapterError])
    yield* within(inner, depth - 1);
}

function isPrismaCode(code: unknown): code is string {
  return typeof code === 'string' && PRISMA_CODE.test(code);
}

function prismaCodesOf(error: unknown): string[] {
  return [...within(error)].map(({ code }) => code).filter(isPrismaCode);
}

/** What the server has said, as its driver would throw it; the error itself where it was not the server. */
function errorOfServer(error: unknown): unknown {
  const all = [...within(error)];
  const found = all.find((one) => codeOfServer(one) !== undefined);
  if (found !== undefined) return { code: codeOfServer(found), severity: found.severity };
  // A message still tells of a lost connection.
  return all.some(({ code }) => isPrismaCode(code)) ? undefined : error;
}

function codeOfServer({ code, originalCode }: ErrorOfPrisma): string | undefined {
  if (typeof originalCode === 'string') return originalCode;
  return typeof code === 'string' && !isPrismaCode(code) ? code : undefined;
}
