// Counts what jest reported. A run that failed without a failed test still counts as a failure.

/** The words in the title of a suite that is skipped because no server is there. */
export const missingRedisMark = 'redis-server missing';

/**
 * @typedef {object} Totals
 * @property {number} passed
 * @property {number} failed tests, files that could not run, and a run that broke off
 * @property {number} skipped
 * @property {number} skippedForRedis those of the skipped that only wait for a server
 */

/**
 * @typedef {object} JestResults
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {number} numPendingTests
 * @property {number} numTodoTests
 * @property {number} numRuntimeErrorTestSuites
 * @property {{ testResults: { status: string, fullName: string }[] }[]} testResults
 */

/**
 * @param {JestResults} results
 * @returns {Totals}
 */
export function countOf(results) {
  const tests = results.testResults.flatMap((file) => file.testResults);
  const waiting = tests.filter(
    ({ status, fullName }) => status === 'pending' && fullName.includes(missingRedisMark),
  );
  return {
    passed: results.numPassedTests,
    failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
    skipped: results.numPendingTests + results.numTodoTests,
    skippedForRedis: waiting.length,
  };
}

/**
 * The totals of a run that ended with this code and may have broken off before it counted.
 * @param {Totals | undefined} counted
 * @param {number | null} exitCode
 * @returns {Totals}
 */
export function totalsOf(counted, exitCode) {
  const totals = counted ?? { passed: 0, failed: 0, skipped: 0, skippedForRedis: 0 };
  const brokeOff = totals.failed === 0 && (counted === undefined || exitCode !== 0);
  return brokeOff ? { ...totals, failed: 1 } : totals;
}

/** @param {Totals} totals */
export function totalsLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
