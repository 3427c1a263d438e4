import type { Cancel, Clock } from '../clock.js';
import type { RedisConnection } from './redis-connection.js';

/** What is said when the clock of a node is not that of this machine. */
export interface ClockWatch {
  /** How far they may be apart, in milliseconds. */
  readonly boundMs: number;
  readonly warn: (message: string) => void;
}

/** Between two looks at the clocks of all masters. */
const PAUSE_MS = 10_000;

/** How far the clock of each master is from local monotonic time, in milliseconds. */
export class NodeClocks {
  readonly #connection: Pick<RedisConnection, 'addressOf' | 'executeOnEachMaster'>;
  readonly #clock: Clock;
  readonly #watch: ClockWatch | undefined;
  readonly #offsets = new Map<string, number>();
  /** The masters whose clocks are off, and of which that was said. */
  readonly #off = new Set<string>();
  #anyOffset: number;
  #cancel: Cancel = () => undefined;

  constructor(
    connection: Pick<RedisConnection, 'addressOf' | 'executeOnEachMaster'>,
    clock: Clock,
    watch?: ClockWatch,
  ) {
    this.#connection = connection;
    this.#clock = clock;
    this.#watch = watch;
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

  /**
   * Asks all masters, and again after a pause as long as they answer; whoever connects anew asks anew.
   * One that does not answer is corrected when it refuses a deadline.
   */
  async measure(): Promise<void> {
    this.#cancel();
    const sent = this.#clock.now();
    const masters = await this.#connection.executeOnEachMaster('TIME', []).catch(() => []);
    const now = this.#clock.now();
    for (const { address, reply } of masters) {
      const [seconds = 0, micros = 0] = reply.split(',').map(Number);
      if (seconds === 0) continue;
      const nodeTimeMs = seconds * 1000 + micros / 1000;
      // Half of the round trip lies before the server looked at its clock.
      this.#set(address, nodeTimeMs - (sent + now) / 2);
      this.#compare(address, nodeTimeMs, (now - sent) / 2);
    }
    this.#cancel();
    if (masters.length === 0) return;
    const again = (): void => void this.measure();
    this.#cancel = this.#clock.schedule(PAUSE_MS, again, { background: true });
  }

  #compare(address: string, nodeTimeMs: number, uncertainMs: number): void {
    if (this.#watch === undefined) return;
    const { boundMs, warn } = this.#watch;
    const hereMs = this.#clock.time() - uncertainMs;
    const aheadMs = nodeTimeMs - hereMs;
    if (Math.abs(aheadMs) - uncertainMs <= boundMs) {
      this.#off.delete(address);
      return;
    }
    if (this.#off.has(address)) return;
    this.#off.add(address);
    const amount = `${(Math.abs(aheadMs) / 1000).toFixed(1)} s ${aheadMs > 0 ? 'ahead of' : 'behind'}`;
    warn(
      `The clock of Redis${address === '' ? '' : ` at ${address}`} is ${amount} that of this machine: ` +
        `${timeOf(nodeTimeMs)} there, ${timeOf(hereMs)} here. Deadlines are in the clock of Redis. Where the ` +
        'clocks of a master and its replicas differ by more than record.marginMs, outcomes are forgotten too ' +
        'early after a failover: synchronise all of them (NTP).',
    );
  }

  #set(address: string | undefined, offset: number): void {
    this.#anyOffset = offset;
    if (address !== undefined) this.#offsets.set(address, offset);
  }
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
