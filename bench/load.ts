import type { Anomalies, Role } from './measurement.js';
import type { Call } from './systems/call.js';

/** What the calls of one process do to one system, and what has to be true of it afterwards. */
export interface Load {
  /** Connects; the first process also stores what the calls need, before the others open. */
  open(role: Role): Promise<void>;

  /**
   * Draws one call and makes it.
   *
   * @returns false when it was declined and wrote nothing.
   * @throws GaveUpError when it could not commit in time.
   */
  call(call: Call): Promise<boolean>;

  /** All that the calls reported as committed, as plain data that can be sent to another process. */
  work(): object;

  /** Reads everything back, in the first process: `works` has what all of them have done. */
  check(works: readonly object[]): Promise<Anomalies>;

  close(): Promise<void>;
}
