import type { Anomalies } from './measurement.js';
import type { StoredAccount } from './systems/system.js';

/** What the calls of one process reported as committed. */
export interface CommittedWork {
  readonly commits: number;
  /** Per account: what all committed transfers added to it. */
  readonly deltas: ArrayLike<number>;
}

/**
 * Compares the accounts read back with those read before the load: each balance must be exactly what
 * the committed transfers of all processes make it, the sum unchanged, and the versions grown by two per commit.
 */
export function findAnomalies(
  before: readonly StoredAccount[],
  after: readonly StoredAccount[],
  works: readonly CommittedWork[],
): Anomalies {
  if (before.length !== after.length) throw new Error('Accounts appeared or vanished.');
  const commits = works.reduce((sum, work) => sum + work.commits, 0);
  const deltaOf = (index: number): number =>
    works.reduce((sum, work) => sum + (work.deltas[index] ?? 0), 0);
  const wrong = after.filter(
    (account, index) => account.balance !== (before[index]?.balance ?? Number.NaN) + deltaOf(index),
  );
  const writesBefore = sumOfVersions(before);
  const writesAfter = sumOfVersions(after);
  return {
    wrongItems: wrong.length,
    sumError: sumOfBalances(after) - sumOfBalances(before),
    versionError:
      writesBefore === null || writesAfter === null
        ? null
        : writesAfter - writesBefore - 2 * commits,
  };
}

function sumOfBalances(accounts: readonly StoredAccount[]): number {
  return accounts.reduce((sum, account) => sum + account.balance, 0);
}

function sumOfVersions(accounts: readonly StoredAccount[]): number | null {
  let sum = 0;
  for (const account of accounts) {
    if (account.version === undefined) return null;
    sum += account.version;
  }
  return sum;
}
