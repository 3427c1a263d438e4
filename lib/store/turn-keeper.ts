/** Who asks, and for how long what he gets lasts, in milliseconds. */
export interface TurnRequest {
  /** The tag of the process. */
  readonly process: string;
  /** How long the turn lasts at most. */
  readonly leaseMs: number;
  /** How soon the next process has to take what it is passed. */
  readonly graceMs: number;
}

/** `next`: the turn will be passed to this process. `waiting`: others come before it. */
export type TurnReply = 'taken' | 'next' | 'waiting';

/**
 * Keeps a turn that one process at a time has, in the order in which they asked. It saves conflicts to those who want
 * the same items, and no promise rests on it: it may be lost, and two may think that they have it.
 */
export interface TurnKeeper {
  /**
   * Asks for the turn, or whether it has come. May be repeated; whoever has it is given another lease.
   * @throws StoreUnavailableError, StoreRefusedError
   */
  take(request: TurnRequest): Promise<TurnReply>;

  /**
   * Passes the turn to the next process. `kept`: there is none, and it is wanted still.
   * @throws StoreUnavailableError, StoreRefusedError
   */
  pass(request: TurnRequest, isWanted: boolean): Promise<'kept' | 'passed'>;
}
