import { Branch } from '../../lib/participants/branch.js';
import type { Transaction } from '../../lib/transaction/transaction.js';

/** The branch that a participant enlists while `work` runs in the transaction. */
export async function branchOf(
  transaction: Transaction,
  work: () => Promise<unknown>,
): Promise<Branch> {
  let caught: Branch | undefined;
  const enlist = transaction.enlist.bind(transaction);
  transaction.enlist = (...args) => (caught = enlist(...args));
  await transaction.run(work);
  if (caught === undefined) throw new Error('Nothing was enlisted.');
  return caught;
}

let count = 0;

/** Names the branch as a coordinator would. */
export function named(
  branch: Branch,
  deadlineAtMs = Date.now() + 5000,
  cache = 'cacheofspec',
): Branch {
  const id = `specspecspe${(++count).toString(36)}`;
  branch.nameBy({ cache, address: { id, home: '3f', deadlineAtMs } });
  return branch;
}

/** As another process has it. */
export function copyOf({ participant, number, transaction }: Branch): Branch {
  return new Branch(participant, number, undefined, transaction);
}

/** A deadline that no answer of a spec needs. */
export function soon(): number {
  return performance.now() + 3000;
}
