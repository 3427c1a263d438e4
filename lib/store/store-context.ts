import type { Clock } from './clock.js';
import type { RecordLifetime } from './versioned-store.js';

/** What a store of one's own is given. */
export interface StoreContext {
  readonly name: string;
  readonly clock: Clock;
  readonly lifetime: RecordLifetime;
  /** Whether a transaction may lie in this store and another one: absences are told apart then. */
  readonly amongOthers: boolean;
  /** How long `open` may wait for the servers, in milliseconds. */
  readonly connectTimeoutMs: number;
}
