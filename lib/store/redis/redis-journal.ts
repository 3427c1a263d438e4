import type { Clock } from '../clock.js';
import { groupBy } from '../group-by.js';
import { slotOf, tagOfSlot } from '../hash-slot.js';
import type { Claim, Holdings, HoldingsPage, Journal, PageRequest } from '../journal.js';
import {
  parseAddress,
  printAddress,
  RESERVED_PREFIX,
  type TransactionAddress,
} from '../transaction-address.js';
import type { RedisConnection } from './redis-connection.js';
import { executionOf } from './redis-errors.js';
import { FORGET } from './redis-script.js';
import { refuse, TurnQueue, type Request } from './turn-queue.js';

/** One command holds the notes of so many transactions. */
const NOTES_PER_COMMAND = 64;
const INSTANCES_PER_ROUND = 100;

interface Note extends Request<void> {
  readonly instance: string;
  readonly field: string;
  /** The keys as JSON. */
  readonly value: string;
}

export interface RedisJournalContext {
  readonly connection: RedisConnection;
  readonly clock: Clock;
  /** By the clock of the master of a key. */
  readonly nodeTime: (key: string) => number;
  /** Repeats a step that may be repeated until it is answered or time is over. */
  readonly persist: <T>(until: number, step: () => Promise<T>) => Promise<T>;
}

/** One hash per instance, from addresses to keys, and one sorted set of all instances. */
export class RedisJournal implements Journal {
  readonly #context: RedisJournalContext;
  readonly #notes: TurnQueue<Note>;
  /** Instances by when they count as dead, in the node's milliseconds. */
  readonly #instances = `${RESERVED_PREFIX}{${tagOfSlot(0)}}:instances`;

  constructor(context: RedisJournalContext) {
    const { connection, clock } = context;
    this.#context = context;
    this.#notes = new TurnQueue({
      connection,
      clock,
      sizeOf: () => 1,
      mostKeys: NOTES_PER_COMMAND,
      mostRequests: NOTES_PER_COMMAND,
      send: (notes) => this.#send(notes),
    });
  }

  enter(instance: string, { address, keys }: Holdings, until: number): Promise<void> {
    const note = { instance, field: printAddress(address), value: JSON.stringify(keys), until };
    return new Promise((resolve, reject) => {
      this.#notes.add({ ...note, resolve, reject });
    });
  }

  async leave(
    instance: string,
    addresses: readonly TransactionAddress[],
    until: number,
  ): Promise<void> {
    for (let from = 0; from < addresses.length; from += NOTES_PER_COMMAND) {
      const fields = addresses.slice(from, from + NOTES_PER_COMMAND).map(printAddress);
      await this.#ask(until, 'HDEL', () => [journalKey(instance), ...fields]);
    }
  }

  async beat(instance: string, lapseMs: number, until: number): Promise<void> {
    await this.#ask(until, 'ZADD', () => [
      this.#instances,
      String(Math.ceil(this.#context.nodeTime(this.#instances) + lapseMs)),
      instance,
    ]);
  }

  async lapsed(until: number): Promise<readonly string[]> {
    const most = String(INSTANCES_PER_ROUND);
    const range = (): string[] => [this.#instances, '-inf', this.#now(), 'LIMIT', '0', most];
    return (await this.#ask(until, 'ZRANGEBYSCORE', range)) as string[];
  }

  async claim(instance: string, { by, leaseMs }: Claim, until: number): Promise<boolean> {
    const key = `${journalKey(instance)}:claim`;
    const lease = ['PX', String(leaseMs)];
    const taken = await this.#ask(until, 'SET', () => [key, by, 'NX', ...lease]);
    if (taken !== null) return true;
    if ((await this.#ask(until, 'GET', () => [key])) !== by) return false;
    await this.#ask(until, 'SET', () => [key, by, ...lease]);
    return true;
  }

  async entries(
    instance: string,
    { most, from = '0' }: PageRequest,
    until: number,
  ): Promise<HoldingsPage> {
    const args = [journalKey(instance), from, 'COUNT', String(most)];
    const [next, page] = (await this.#ask(until, 'HSCAN', () => args)) as [string, string[]];
    const notes = page.length / 2;
    const entries = Array.from({ length: notes }, (_, nth) =>
      holdingsIn(page[2 * nth]!, page[2 * nth + 1]!),
    ).filter((holdings) => holdings !== undefined);
    const unreadable = notes - entries.length;
    return { entries, unreadable, next: next === '0' ? undefined : next };
  }

  async forget(instance: string, until: number): Promise<void> {
    if (await this.#hasEntries(instance, until)) return;
    const { connection, persist } = this.#context;
    const reply = await persist(until, () =>
      FORGET.run(connection, 1, () => [this.#instances, this.#now(), instance]),
    );
    // A note that came between the two may be the last that its instance ever makes.
    if (reply !== 'forgotten' || !(await this.#hasEntries(instance, until))) return;
    await this.#ask(until, 'ZADD', () => [this.#instances, 'NX', '0', instance]);
  }

  async #hasEntries(instance: string, until: number): Promise<boolean> {
    return Number(await this.#ask(until, 'HLEN', () => [journalKey(instance)])) > 0;
  }

  #now(): string {
    return String(Math.floor(this.#context.nodeTime(this.#instances)));
  }

  #ask(until: number, command: string, args: () => readonly string[]): Promise<unknown> {
    const { connection, persist } = this.#context;
    return persist(until, () => connection.execute(command, args()));
  }

  #send(notes: readonly Note[]): void {
    const groups = groupBy(notes, ({ instance }) => instance);
    for (const [instance, group] of groups) this.#sendGroup(instance, group);
  }

  #sendGroup(instance: string, notes: readonly Note[]): void {
    const fields = notes.flatMap(({ field, value }) => [field, value]);
    this.#context.connection.execute('HSET', [journalKey(instance), ...fields]).then(
      () => {
        for (const note of notes) note.resolve();
      },
      (error: unknown) => {
        // A note may be taken twice, whatever became of the first time.
        if (executionOf(error) === 'refused') refuse(notes, error);
        else void this.#notes.again(notes, error);
      },
    );
  }
}

/** Undefined for what no instance has noted. */
function holdingsIn(field: string, value: string): Holdings | undefined {
  try {
    return { address: parseAddress(field), keys: JSON.parse(value) as string[] };
  } catch {
    return undefined;
  }
}

/** Journals are spread over the nodes by the tags of their instances. */
function journalKey(instance: string): string {
  return `${RESERVED_PREFIX}{${tagOfSlot(slotOf(instance))}}:journal:${instance}`;
}
