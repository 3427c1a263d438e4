import { InvariantViolationError } from '../errors/index.js';
import { Branch } from '../participants/branch.js';
import { MysqlDialect } from './mysql-dialect.js';
import { PostgresDialect } from './postgres-dialect.js';
import { decisionIdOf, globalIdOf, parseDecisionId, parseGlobalId } from './sql-names.js';

const postgres = new PostgresDialect();
const mysql = new MysqlDialect({ xa: true });
const address = { id: 'abcDEF123-_1', home: '3zx', deadlineAtMs: 1_700_000_000_000 };
const branch = new Branch('orders.eu-1', 2, undefined, { cache: 'cache123', address });
const begin = { isolation: 'serializable', readOnly: false, timeoutMs: 4999.5 } as const;

describe('names', () => {
  it('say which transaction they are of', () => {
    const id = 'cache123:abcDEF123-_1@3zx@1700000000000';
    expect(decisionIdOf(branch.transaction)).toBe(id);
    expect(parseDecisionId(id)).toEqual({ cache: 'cache123', address });
    expect(globalIdOf(branch)).toBe(`dtx:${id}:orders.eu-1:2`);
    expect(parseGlobalId(globalIdOf(branch))).toEqual({
      cache: 'cache123',
      address,
      participant: 'orders.eu-1',
      number: 2,
    });
  });

  it.each(['dtx:other', '', "dtx:a:b@c@1:d:1'", 'x:cache:a@b@1:d:1'])('of others: %j', (text) => {
    expect(parseGlobalId(text)).toBeUndefined();
  });

  it('that are unsafe never become part of a statement', () => {
    expect(() => postgres.selectOutcome('t', "x' OR 1=1")).toThrow(InvariantViolationError);
    expect(() => postgres.selectOutcome('t; DROP', 'x')).toThrow(InvariantViolationError);
    expect(() => postgres.savepoint('a b')).toThrow(InvariantViolationError);
    expect(() => mysql.selectExpired('t', "a'", 1)).toThrow(InvariantViolationError);
    expect(() => mysql.beginFence(Number.NaN)).toThrow(InvariantViolationError);
  });
});

describe('PostgresDialect', () => {
  it('begins as the transaction says, with its time as a bound', () => {
    expect(postgres.begin(begin)).toEqual([
      'BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE',
      'SET LOCAL statement_timeout = 5000',
      'SET LOCAL idle_in_transaction_session_timeout = 15000',
    ]);
    expect(postgres.begin({ ...begin, isolation: 'read-committed', readOnly: true })[0]).toBe(
      'BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY',
    );
  });

  it.each([
    [{ code: '40001' }, 'conflict'],
    [{ code: '40P01' }, 'conflict'],
    [{ cause: { driverError: { code: '40001' } } }, 'conflict'],
    [{ code: '57P01' }, 'unavailable'],
    [{ code: '53300' }, 'unavailable'],
    [{ code: 'ECONNRESET' }, 'unavailable'],
    [new Error('Connection terminated unexpectedly'), 'unavailable'],
    [{ code: '23505' }, 'other'],
    [new Error('x'), 'other'],
    [undefined, 'other'],
  ])('takes %j for: %s', (error, kind) => {
    expect(postgres.kindOf(error)).toBe(kind);
  });

  it.each([
    [{ code: '23505', severity: 'ERROR' }, true],
    [{ code: '40001', severity: 'ERROR' }, true],
    [{ code: '57014', severity: 'ERROR' }, true],
    [{ code: '57P01', severity: 'FATAL' }, false],
    [{ code: '40003', severity: 'ERROR' }, false],
    [{ code: 'ECONNRESET' }, false],
    [new Error('x'), false],
  ])('%j proves that nothing was committed: %s', (error, proves) => {
    expect(postgres.provesNoCommit(error)).toBe(proves);
  });
});

describe('MysqlDialect', () => {
  it('names XA transactions in two parts of at most 64 bytes, and reads them back', () => {
    const [, start] = mysql.twoPhase!.start!(globalIdOf(branch), begin);
    const [, first, second, format] = /^XA START '(.*)', '(.*)', (\d+)$/.exec(start!)!;

    expect(first!.length).toBeLessThanOrEqual(64);
    const row = { formatID: Number(format), data: first! + second! };
    expect(mysql.twoPhase!.globalIdOf(row)).toBe(globalIdOf(branch));
    expect(mysql.twoPhase!.globalIdOf({ ...row, data: Buffer.from(row.data) })).toBe(
      globalIdOf(branch),
    );
    expect(mysql.twoPhase!.globalIdOf({ ...row, formatID: 1 })).toBeUndefined();
    expect(mysql.twoPhase!.globalIdOf({ ...row, data: 'x' })).toBeUndefined();
  });

  it('names the longest that there are', () => {
    const longest = new Branch('p'.repeat(40), 1, undefined, {
      cache: 'c'.repeat(16),
      address: { id: 'i'.repeat(20), home: 'h'.repeat(4), deadlineAtMs: 1_700_000_000_000 },
    });
    const [start] = mysql.twoPhase!.prepare(globalIdOf(longest));
    const [, first, second] = /^XA END '(.*)', '(.*)', \d+$/.exec(start!)!;

    expect(`dtx:${first}${second}`).toBe(globalIdOf(longest));
    expect(second!.length).toBeLessThanOrEqual(64);
  });

  it.each([
    [{ errno: 1213 }, 'conflict'],
    [{ errno: 1205 }, 'conflict'],
    [{ errno: 1020 }, 'conflict'],
    [{ code: 'PROTOCOL_CONNECTION_LOST' }, 'unavailable'],
    [{ errno: 1040 }, 'unavailable'],
    [{ errno: 1062 }, 'other'],
  ])('takes %j for: %s', (error, kind) => {
    expect(mysql.kindOf(error)).toBe(kind);
  });

  it.each([
    [{ errno: 1062 }, true],
    [{ errno: 1213 }, true],
    [{ errno: 1180 }, false],
    [{ code: 'ECONNRESET' }, false],
  ])('%j proves that nothing was committed: %s', (error, proves) => {
    expect(mysql.provesNoCommit(error)).toBe(proves);
  });
});
