import { inspect } from 'node:util';
import { TransactionOptionsError } from '../errors/index.js';
import type { Savepoint } from './operation-log.js';

interface HookTypes {
  beforeCommit: () => unknown;
  onCommit: () => unknown;
  onRollback: (error: unknown) => unknown;
}
export type HookKind = keyof HookTypes;
export type HookOf<K extends HookKind> = HookTypes[K];

interface AddedHook {
  readonly kind: HookKind;
  readonly hook: HookOf<HookKind>;
  readonly savepoint: Savepoint | undefined;
}

/** The hooks that one attempt has gathered; those of an attempt that is retried are discarded. */
export class Hooks {
  #added: AddedHook[] = [];

  /** @throws TransactionOptionsError for what cannot be called. */
  add<K extends HookKind>(kind: K, hook: HookOf<K>, savepoint: Savepoint | undefined): void {
    if (typeof hook !== 'function') {
      throw new TransactionOptionsError(
        `${kind}() takes a function, not ${inspect(hook, { depth: 0 })}: transaction.${kind}(() => …).`,
      );
    }
    this.#added.push({ kind, hook, savepoint });
  }

  /** In the order in which they were added. */
  of<K extends HookKind>(kind: K): HookOf<K>[] {
    return this.#added.filter((added) => added.kind === kind).map(({ hook }) => hook as HookOf<K>);
  }

  dropSince(savepoint: Savepoint): void {
    this.#added = this.#added.filter((added) => !added.savepoint?.isWithin(savepoint));
  }
}
