import { tagOfSlot } from '../hash-slot.js';
import { RESERVED_PREFIX } from '../transaction-address.js';
import type { TurnKeeper, TurnReply, TurnRequest } from '../turn-keeper.js';
import type { RedisConnection } from './redis-connection.js';
import { TURN } from './redis-script.js';

/** The turn of all processes that share a Redis: one key. */
export class RedisTurnKeeper implements TurnKeeper {
  readonly #connection: RedisConnection;
  readonly #key = `${RESERVED_PREFIX}{${tagOfSlot(0)}}:turn`;

  constructor(connection: RedisConnection) {
    this.#connection = connection;
  }

  take(request: TurnRequest): Promise<TurnReply> {
    return this.#ask(request, 'take') as Promise<TurnReply>;
  }

  pass(request: TurnRequest, isWanted: boolean): Promise<'kept' | 'passed'> {
    return this.#ask(request, isWanted ? 'pass' : 'leave') as Promise<'kept' | 'passed'>;
  }

  #ask({ process, leaseMs, graceMs }: TurnRequest, step: string): Promise<unknown> {
    const args = [this.#key, process, String(leaseMs), String(graceMs), step];
    return TURN.run(this.#connection, 1, () => args);
  }
}
