// Counts what jest reported. A run that failed without a failed test still counts as a failure.
import { missingMark, serverKinds } from './servers/servers.mjs';

/** The file in the folder of a run that the reporter leaves the totals in. */
export const totalsFileName = 'totals.json';

/**
 * @typedef {object} Totals
 * @property {number} passed
 * @property {number} failed tests, files that could not run, and a run that broke off
 * @property {number} skipped
 * @property {Record<string, number>} waiting those of the skipped that only wait for a server, by its name
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
  return {
    passed: results.numPassedTests,
    failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
    skipped: results.numPendingTests + results.numTodoTests,
    waiting: waitingOf(tests.filter(({ status }) => status === 'pending')),
  };
}

/** @param {readonly { fullName: string }[]} skipped */
function waitingOf(skipped) {
  const counts = serverKinds.map((kind) => {
    const waiting = skipped.filter(({ fullName }) => fullName.includes(missingMark(kind)));
    return /** @type {const} */ ([kind.name, waiting.length]);
  });
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}

/**
 * The totals of a run that ended with this code and may have broken off before it counted.
 * @param {Totals | undefined} counted
 * @param {number | null} exitCode
 * @returns {Totals}
 */
export function totalsOf(counted, exitCode) {
  const totals = counted ?? { passed: 0, failed: 0, skipped: 0, waiting: {} };
  const brokeOff = totals.failed === 0 && (counted === undefined || exitCode !== 0);
  return brokeOff ? { ...totals, failed: 1 } : totals;
}

/** @param {Totals} totals */
export function totalsLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
