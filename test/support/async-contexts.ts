import { AsyncLocalStorage } from 'node:async_hooks';

type Run = (this: AsyncLocalStorage<unknown>, ...call: readonly unknown[]) => unknown;

const used = new Set<AsyncLocalStorage<unknown>>();
const run = Reflect.get(AsyncLocalStorage.prototype, 'run') as Run;

const runAndNote: Run = function runAndNote(...call) {
  used.add(this);
  return run.apply(this, [...call]);
};
Reflect.set(AsyncLocalStorage.prototype, 'run', runAndNote);

/**
 * Up to Node 22 every promise pays for each AsyncLocalStorage that was ever used, and every manager has
 * one; a spec that makes thousands of managers gives back those that it needs no more.
 */
export function disableUsedContexts(): void {
  for (const context of used) context.disable();
  used.clear();
}
