import { changesSession, commitsImplicitly, controlOf } from './control-text.js';

describe('controlOf', () => {
  it.each([
    ['BEGIN', 'begin'],
    ['begin transaction isolation level serializable', 'begin'],
    [' /* by hand */ START TRANSACTION READ ONLY;', 'begin'],
    ['COMMIT', 'commit'],
    ['commit work;', 'commit'],
    ['end', 'commit'],
    ['-- done\nROLLBACK', 'rollback'],
    ['ABORT', 'rollback'],
    ['rollback transaction', 'rollback'],
    ['COMMIT AND CHAIN', 'refused'],
    ["COMMIT PREPARED 'x'", 'refused'],
    ["ROLLBACK PREPARED 'x'", 'refused'],
    ["PREPARE TRANSACTION 'x'", 'refused'],
    ["XA START 'x'", 'refused'],
    ['/*!50000 COMMIT */', 'commit'],
    ['UPDATE t SET a = 1; COMMIT', 'refused'],
    ['BEGIN; UPDATE t SET a = 1; COMMIT;', 'refused'],
  ])('%j is: %s', (text, kind) => {
    expect(controlOf(text)).toEqual({ kind });
  });

  it.each([
    ['SAVEPOINT One', 'savepoint', 'one'],
    ['savepoint "One";', 'savepoint', 'One'],
    ['RELEASE SAVEPOINT `One`', 'release', 'One'],
    ['release one', 'release', 'one'],
    ['ROLLBACK TO one', 'rollback-to', 'one'],
    ['ROLLBACK WORK TO SAVEPOINT one', 'rollback-to', 'one'],
  ])('%j is: %s of %s', (text, kind, name) => {
    expect(controlOf(text)).toEqual({ kind, name });
  });

  it.each([
    '',
    'SELECT 1',
    'SELECT 1;',
    'begin_of_word',
    "INSERT INTO t VALUES ('; COMMIT')",
    'UPDATE t SET a = "x; commit"',
    'CREATE FUNCTION f() RETURNS int AS $$ BEGIN; COMMIT; END $$ LANGUAGE plpgsql',
    'SELECT 1 -- ; COMMIT\n',
    'SELECT 1; SELECT 2',
    'PREPARE plan AS SELECT 1',
    'START SLAVE',
    'SET TRANSACTION READ ONLY',
  ])('%j is none', (text) => {
    expect(controlOf(text)).toBeUndefined();
  });
});

describe('commitsImplicitly', () => {
  it.each([
    'CREATE TABLE t (a int)',
    '# first\nDROP TABLE t',
    'ALTER TABLE t ADD b int',
    'TRUNCATE t',
    'RENAME TABLE t TO u',
    'LOCK TABLES t WRITE',
    'GRANT ALL ON t TO u',
    'SET autocommit=1',
    'SET SESSION autocommit = 0',
    'SET @@session.autocommit = 0',
    'SELECT 1; DROP TABLE t',
  ])('%j does', (text) => {
    expect(commitsImplicitly(text)).toBe(true);
  });

  it.each([
    'CREATE TEMPORARY TABLE t (a int)',
    'DROP TEMPORARY TABLE t',
    'SET @a = 1',
    'SELECT 1',
    "INSERT INTO t VALUES ('; DROP TABLE t')",
    'SELECT * FROM t LOCK IN SHARE MODE',
  ])('%j does not', (text) => {
    expect(commitsImplicitly(text)).toBe(false);
  });
});

describe('changesSession', () => {
  it.each([
    ['SET search_path = x', true],
    ['set session statement_timeout = 0', true],
    ['LISTEN c', true],
    ['SET LOCAL search_path = x', false],
    ['SET CONSTRAINTS ALL DEFERRED', false],
    ['SELECT 1', false],
  ])('%j: %s', (text, expected) => {
    expect(changesSession(text)).toBe(expected);
  });
});
