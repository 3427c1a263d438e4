import {
  missingMark,
  mariaDb,
  mySql,
  postgres,
  redis,
  skippedLine,
} from '../../tools/servers/servers.mjs';
import { countOf, totalsLine, totalsOf } from '../../tools/totals.mjs';

function skipped(...fullNames: string[]): { status: string; fullName: string }[] {
  return fullNames.map((fullName) => ({ status: 'pending', fullName }));
}

function resultsOf(tests: { status: string; fullName: string }[]): Parameters<typeof countOf>[0] {
  return {
    numPassedTests: 3,
    numFailedTests: 1,
    numPendingTests: tests.length,
    numTodoTests: 0,
    numRuntimeErrorTestSuites: 1,
    testResults: [{ testResults: tests }],
  };
}

describe('the totals of a run', () => {
  it('counts the skipped tests by the server that they wait for', () => {
    const tests = skipped(
      `PgParticipant (${missingMark(postgres)}) commits`,
      `PgParticipant (${missingMark(postgres)}) rolls back`,
      `MySqlParticipant (${missingMark(mariaDb)}) commits`,
      `Both (${missingMark(redis)}) and (${missingMark(postgres)})`,
      'skipped by hand',
    );

    expect(countOf(resultsOf(tests))).toEqual({
      passed: 3,
      failed: 2,
      skipped: 5,
      waiting: { 'redis-server': 1, PostgreSQL: 3, MariaDB: 1 },
    });
  });

  it('counts no test that ran, whatever its title says', () => {
    const tests = [{ status: 'passed', fullName: `says '${missingMark(postgres)}'` }];

    expect(countOf(resultsOf(tests)).waiting).toEqual({});
  });

  it('says by name and number what was skipped, and why', () => {
    expect(skippedLine(postgres.name, 12)).toBe(
      'PostgreSQL is missing and could not be installed: 12 tests skipped for it.',
    );
    expect(skippedLine(mySql.name, 3)).toBe(
      'MySQL is missing and DTX_MYSQL_SERVER does not name one: 3 tests skipped for it.',
    );
  });

  it('ends with one line', () => {
    const totals = { passed: 3, failed: 0, skipped: 0, waiting: {} };

    expect(totalsLine(totals)).toBe('3 passed, 0 failed');
    expect(totalsLine({ ...totals, skipped: 2 })).toBe('3 passed, 0 failed, 2 skipped');
  });

  it('holds a failure when the run broke off without one', () => {
    const totals = { passed: 3, failed: 0, skipped: 0, waiting: {} };

    expect(totalsOf(totals, 0)).toEqual(totals);
    expect(totalsOf(totals, 1)).toEqual({ ...totals, failed: 1 });
    expect(totalsOf(undefined, null)).toEqual({ passed: 0, failed: 1, skipped: 0, waiting: {} });
  });
});
