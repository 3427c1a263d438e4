import type { Cluster } from 'ioredis';
import { systemClock } from '../../lib/store/clock.js';
import { slotOf, tagOfSlot } from '../../lib/store/hash-slot.js';
import { parseLock } from '../../lib/store/lock.js';
import { parseAddress, printAddress } from '../../lib/store/transaction-address.js';

const instancesKey = `dtx:{${tagOfSlot(0)}}:instances`;

/** Looks at locks and journals from outside, with a client that settles nothing. */
export class LockWatch {
  /** How long after its deadline each transaction was last seen to hold or to be noted, in ms. */
  readonly overdueMs = new Map<string, number>();
  #watching: Promise<void> | undefined;
  #stopped = false;

  constructor(
    private readonly client: Cluster,
    private readonly keys: readonly string[],
  ) {}

  start(): void {
    this.#watching = this.#watch();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#watching;
  }

  /** The addresses of all transactions that hold an item, or that a journal names. */
  async look(): Promise<string[]> {
    const [texts, instances] = await Promise.all([
      Promise.all(this.keys.map((key) => this.client.get(key))),
      this.client.zrange(instancesKey, '0', '-1'),
    ]);
    const notes = await Promise.all(
      instances.map((instance) => this.client.hkeys(journalKeyOf(instance))),
    );
    return [...texts.flatMap((text) => holderOf(text ?? '')), ...notes.flat()];
  }

  async #watch(): Promise<void> {
    while (!this.#stopped) {
      const seen = await this.look();
      const now = systemClock.time();
      for (const address of seen) {
        this.overdueMs.set(address, Math.max(0, now - parseAddress(address).deadlineAtMs));
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

function journalKeyOf(instance: string): string {
  return `dtx:{${tagOfSlot(slotOf(instance))}}:journal:${instance}`;
}

function holderOf(text: string): string[] {
  const [head = ''] = text.split('|');
  const lock = head.includes('*') ? parseLock(head.slice(head.indexOf('*') + 1)) : undefined;
  return lock === undefined ? [] : [printAddress(lock.address)];
}
