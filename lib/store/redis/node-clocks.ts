import type { Clock } from '../clock.js';
import type { RedisConnection } from './redis-connection.js';

/** How far the clock of each master is from local monotonic time, in milliseconds. */
export class NodeClocks {
  readonly #connection: RedisConnection;
  readonly #clock: Clock;
  readonly #offsets = new Map<string, number>();
  #anyOffset: number;

  constructor(connection: RedisConnection, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
    this.#anyOffset = clock.time() - clock.now();
  }

  /** By the clock of the master of a key; of any master where there is none. */
  toNodeTime(localMs: number, key: string | undefined): number {
    const address = key === undefined ? undefined : this.#connection.addressOf(key);
    const offset = address === undefined ? undefined : this.#offsets.get(address);
    return localMs + (offset ?? this.#anyOffset);
  }

  /** The master of a key has told its time, which is other than thought. */
  correct(nodeTimeMs: number, key: string): void {
    this.#set(this.#connection.addressOf(key), nodeTimeMs - this.#clock.now());
  }

  /** Asks all masters; one that does not answer is corrected when it refuses a deadline. */
  async measure(): Promise<void> {
    const sent = this.#clock.now();
    const masters = await this.#connection.executeOnEachMaster('TIME', []).catch(() => []);
    const middle = (sent + this.#clock.now()) / 2;
    for (const { address, reply } of masters) {
      const [seconds = 0, micros = 0] = reply.split(',').map(Number);
      if (seconds > 0) this.#set(address, seconds * 1000 + micros / 1000 - middle);
    }
  }

  #set(address: string | undefined, offset: number): void {
    this.#anyOffset = offset;
    if (address !== undefined) this.#offsets.set(address, offset);
  }
}
