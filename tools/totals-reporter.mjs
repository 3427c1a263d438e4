// A jest reporter that leaves the counts of a run in DTX_TEST_FOLDER, the folder of the run.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { countOf, totalsFileName } from './totals.mjs';

export default class TotalsReporter {
  /**
   * @param {unknown} _contexts
   * @param {import('./totals.mjs').JestResults} results
   */
  onRunComplete(_contexts, results) {
    const folder = process.env['DTX_TEST_FOLDER'];
    if (folder === undefined) return;
    writeFileSync(join(folder, totalsFileName), JSON.stringify(countOf(results)));
  }
}
