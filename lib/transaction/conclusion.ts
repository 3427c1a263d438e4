import type { Cancel, Clock } from '../store/clock.js';
import type { TransactionContext } from './context.js';
import type { HookKind } from './hooks.js';
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

/** What the hooks that run after the end need. */
export interface HookEnvironment {
  readonly clock: Clock;
  readonly events: TransactionEvents;
  /** After so long a hook is not waited for any more, in milliseconds. */
  readonly hookTimeoutMs: number;
}

/** After the commit nothing can be taken back: errors are logged and go no further. */
export async function runCommitHooks(
  transaction: Transaction,
  environment: HookEnvironment,
): Promise<void> {
  for (const hook of transaction.hooks?.of('onCommit') ?? []) {
    await endOf('onCommit', hook, transaction, environment);
  }
}

/** The first error is the one that counts: those of hooks are logged and go no further. */
export async function runRollbackHooks(
  transaction: Transaction,
  reason: unknown,
  environment: HookEnvironment,
): Promise<void> {
  for (const hook of transaction.hooks?.of('onRollback') ?? []) {
    await endOf('onRollback', () => hook(reason), transaction, environment);
  }
}

/** Resolves when the hook has ended in whatever way, or its time is over; it goes on by itself then. */
async function endOf(
  kind: HookKind,
  hook: () => unknown,
  transaction: Transaction,
  { clock, events, hookTimeoutMs }: HookEnvironment,
): Promise<void> {
  const running = settled(kind, hook, transaction, events);
  if (running === undefined) return;
  let cancel!: Cancel;
  const overdue = new Promise<void>((resolve) => {
    cancel = clock.schedule(hookTimeoutMs, () => {
      events.hookOverdue(transaction, kind, hookTimeoutMs);
      resolve();
    });
  });
  await Promise.race([running, overdue]);
  cancel();
}

/** Calls the hook; undefined where it has ended by then. */
function settled(
  kind: HookKind,
  hook: () => unknown,
  transaction: Transaction,
  events: TransactionEvents,
): Promise<void> | undefined {
  const failed = (error: unknown): void => events.hookFailed(transaction, kind, error);
  try {
    const returned = hook() as PromiseLike<unknown> | null | undefined;
    if (typeof returned?.then !== 'function') return undefined;
    return Promise.resolve(returned).then(() => undefined, failed);
  } catch (error) {
    failed(error);
    return undefined;
  }
}
