import type { TransactionContext } from './context.js';
import type { TransactionEvents } from './transaction-events.js';
import type { TransactionScope } from './transaction-scope.js';
import type { Transaction } from './transaction.js';

/** Runs the hooks that may veto, waits for every operation, and accepts no more of them. */
export async function sealForCommit(
  context: TransactionContext,
  scope: TransactionScope,
): Promise<void> {
  const { transaction } = scope;
  if (transaction.hooks) await context.run(scope, () => runBeforeCommitHooks(transaction));
  await transaction.settle();
  transaction.seal();
}

/** A hook may add another one. */
async function runBeforeCommitHooks(transaction: Transaction): Promise<void> {
  for (let ran = 0; ; ran++) {
    const hook = transaction.hooks?.of('beforeCommit')[ran];
    if (hook === undefined) return;
    await hook();
  }
}

/** After the commit nothing can be taken back: errors are logged and go no further. */
export async function runCommitHooks(
  transaction: Transaction,
  events: TransactionEvents,
): Promise<void> {
  for (const hook of transaction.hooks?.of('onCommit') ?? []) {
    try {
      await hook();
    } catch (error) {
      events.hookFailed(transaction, 'onCommit', error);
    }
  }
}

/** The first error is the one that counts: those of hooks are logged and go no further. */
export async function runRollbackHooks(
  transaction: Transaction,
  reason: unknown,
  events: TransactionEvents,
): Promise<void> {
  for (const hook of transaction.hooks?.of('onRollback') ?? []) {
    try {
      await hook(reason);
    } catch (error) {
      events.hookFailed(transaction, 'onRollback', error);
    }
  }
}
