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

  add<K extends HookKind>(kind: K, hook: HookOf<K>, savepoint: Savepoint | undefined): void {
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
