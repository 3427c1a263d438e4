import type { Call } from '../call.js';
import type { LuaScript } from '../lua-script.js';
import type { SystemContext } from '../system.js';

/** What all items of a scenario look like: about 60 bytes of JSON, of which the amount changes. */
export interface ItemData {
  id: string;
  amount: number;
  note: string;
}

/** Amounts by the ids of their items. */
export type Amounts = ReadonlyMap<string, number>;

/** One call: what it reads, and what it makes of that. */
export interface Work {
  /** Ids of items that exist, in no order, none twice. */
  readonly reads: readonly string[];

  /**
   * The new amounts by what was read, in the order of `reads`; undefined to decline. Ids that were
   * not read are those of new items. Runs once per attempt, and changes nothing by itself.
   */
  decide(amounts: readonly number[]): Amounts | undefined;

  /** The same in one step. */
  readonly inLua: WorkInLua;
}

export interface WorkInLua {
  /** Gets the keys of `reads` and `inserts`, and returns the amounts it has read. */
  readonly script: LuaScript;
  /** Ids of new items. */
  readonly inserts?: readonly string[];
  readonly args?: readonly number[];
}

/** One way to run such calls in Redis. */
export interface ItemSystem {
  /** Connects, and stores these items; without any others have stored them. */
  setup(items: Amounts): Promise<void>;

  /**
   * Counts its attempts in `call`.
   *
   * @returns false when the work declined; nothing is written.
   * @throws GaveUpError when it could not commit within the time of a call; nothing is written.
   */
  run(work: Work, call: Call): Promise<boolean>;

  close(): Promise<void>;
}

export type CreateItemSystem = (context: SystemContext) => ItemSystem;

export function newItem(id: string, amount: number): ItemData {
  return { id, amount, note: `note of ${id}` };
}

/** Where everybody stores an item: the library names its keys so for the entity `item`. */
export function keyOf(id: string): string {
  return `item:${id}`;
}
