// A jest reporter that leaves the counts of a run in the file named by DTX_TEST_TOTALS.
import { writeFileSync } from 'node:fs';
import { countOf } from './totals.mjs';

export default class TotalsReporter {
  /**
   * @param {unknown} _contexts
   * @param {import('./totals.mjs').JestResults} results
   */
  onRunComplete(_contexts, results) {
    const path = process.env['DTX_TEST_TOTALS'];
    if (path !== undefined) writeFileSync(path, JSON.stringify(countOf(results)));
  }
}
