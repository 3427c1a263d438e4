import { randomBytes } from 'node:crypto';
import { move, newAccount } from '../accounts.js';
import { chunksOf, parseAccount } from './layouts.js';
import {
  type ItemWrite,
  type LibraryItem,
  type LibraryStore,
  openLibraryStore,
} from './library-store.js';
import { retryUntilCommitted } from './retry.js';
import { readStoredItems } from './stored-items.js';
import type { CreateSystem, StoredAccount, System, SystemContext } from './system.js';
import type { Call } from './call.js';

const TIMEOUT_MS = 5000;
const INSERTS_PER_TRANSACTION = 100;
const ABSENT = '0';

/**
 * The library's store, its records included, called as the framework would call it, but without
 * decorator, context and repository: what is left of a transfer when the framework costs nothing.
 */
class StoreCallsByHand implements System {
  #store!: LibraryStore;
  #now!: () => number;
  #transactions = 0;
  readonly #processTag = randomBytes(9).toString('base64url').slice(0, 11);

  constructor(private readonly context: SystemContext) {}

  async setup(ids: readonly string[]): Promise<void> {
    const opened = await openLibraryStore(this.context.redisUrls[0]);
    this.#store = opened.store;
    this.#now = opened.now;
    for (const chunk of chunksOf(ids, INSERTS_PER_TRANSACTION)) {
      const inserts = chunk.map((id) => write(keyOf(id), ABSENT, JSON.stringify(newAccount(id))));
      if (!(await this.#commit(inserts, this.#now() + TIMEOUT_MS))) throw new Error('Not empty.');
    }
  }

  async transfer(from: string, to: string, amount: number, call: Call): Promise<void> {
    await retryUntilCommitted(() => this.#attempt(from, to, amount, call));
  }

  async #attempt(from: string, to: string, amount: number, call: Call): Promise<boolean> {
    call.attempts += 1;
    const until = this.#now() + TIMEOUT_MS;
    const keys = [keyOf(from), keyOf(to)] as const;
    const { items } = await this.#store.read(keys, until);
    const storedSource = present(items[0], from);
    const storedTarget = present(items[1], to);
    const source = parseAccount(storedSource.payload);
    const target = parseAccount(storedTarget.payload);
    move(source, target, amount);
    return await this.#commit(
      [
        write(keys[0], storedSource.version, JSON.stringify(source)),
        write(keys[1], storedTarget.version, JSON.stringify(target)),
      ],
      until,
    );
  }

  async #commit(items: readonly ItemWrite[], until: number): Promise<boolean> {
    const keys = items.map((item) => item.key);
    this.#transactions += 1;
    const address = {
      id: this.#processTag + this.#transactions.toString(36),
      home: this.#store.homeOf(keys),
      deadlineAtMs: Math.ceil(this.#store.toNodeTime(until)),
    };
    const record = recordOf(address.id, items);
    const reply = await this.#store.commitOnePhase({ address, items, record, sent: false }, until);
    switch (reply.status) {
      case 'committed':
        return true;
      case 'conflict':
      case 'locked':
        return false;
      default:
        throw new Error(`The store answered ${reply.status}.`);
    }
  }

  check(ids: readonly string[]): Promise<StoredAccount[]> {
    return readStoredItems(this.context.redisUrls, ids);
  }

  async close(): Promise<void> {
    await this.#store.close();
  }
}

function keyOf(id: string): string {
  return `account:${id}`;
}

function write(key: string, expected: string, payload: string): ItemWrite {
  return { key, expected, change: { kind: 'write', counters: '', payload, ttlMs: undefined } };
}

/** What the framework records of the same transfer. */
function recordOf(id: string, items: readonly ItemWrite[]): string {
  const operations = items.map((item) => ['w', item.key, Number.parseInt(item.expected, 10) + 1]);
  const name = 'TransferService.transfer';
  return `"name":"${name}","call":"${id}","attempt":1,"operations":${JSON.stringify(operations)}`;
}

function present(item: LibraryItem | undefined, id: string): LibraryItem {
  if (item?.kind !== 'item') throw new Error(`Account ${id} is missing or foreign.`);
  return item;
}

export const storeCallsByHand: CreateSystem = (context) => new StoreCallsByHand(context);
