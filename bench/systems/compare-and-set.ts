import { type AccountData, move, newAccount } from '../accounts.js';
import { parseAccount } from './layouts.js';
import { retryUntilCommitted } from './retry.js';
import type { StoredAccount, System } from './system.js';
import type { Call } from './call.js';

/** A value as a client has read it, with whatever it compares by. */
export interface Seen {
  readonly text: string;
  readonly token?: string;
}

/** A cache as its own client shows it. */
export interface CasClient {
  get(keys: readonly string[]): Promise<readonly Seen[]>;
  set(key: string, text: string): Promise<void>;
  /** Whether the value was still the one seen. */
  compareAndSet(key: string, seen: Seen, text: string): Promise<boolean>;
  close(): Promise<void>;
}

interface Moved {
  readonly seen: readonly [source: Seen, target: Seen];
  readonly accounts: readonly [source: AccountData, target: AccountData];
}

const AT_ONCE = 100;

abstract class OverClient implements System {
  protected client!: CasClient;

  constructor(private readonly connect: () => Promise<CasClient>) {}

  async setup(ids: readonly string[]): Promise<void> {
    this.client = await this.connect();
    for (let at = 0; at < ids.length; at += AT_ONCE) {
      const some = ids.slice(at, at + AT_ONCE);
      await Promise.all(some.map((id) => this.client.set(id, JSON.stringify(newAccount(id)))));
    }
  }

  abstract transfer(from: string, to: string, amount: number, call: Call): Promise<void>;

  async check(ids: readonly string[]): Promise<StoredAccount[]> {
    const stored: StoredAccount[] = [];
    for (let at = 0; at < ids.length; at += AT_ONCE) {
      const seen = await this.client.get(ids.slice(at, at + AT_ONCE));
      stored.push(...seen.map(({ text }) => ({ balance: parseAccount(text).balance })));
    }
    return stored;
  }

  close(): Promise<void> {
    return this.client.close();
  }

  /** Both accounts as they were seen, and what a transfer makes of them. */
  protected async moved(from: string, to: string, amount: number, call: Call): Promise<Moved> {
    call.attempts += 1;
    const seen = (await this.client.get([from, to])) as [Seen, Seen];
    const accounts = [parseAccount(seen[0].text), parseAccount(seen[1].text)] as const;
    move(...accounts, amount);
    return { seen, accounts };
  }
}

/**
 * What a client offers by itself: one read of both accounts, then a compare-and-set of each, repeated alone where it
 * is refused. Weaker than a transaction: others see one account moved and the other not, and so does a crash.
 */
export class HandWrittenCas extends OverClient {
  async transfer(from: string, to: string, amount: number, call: Call): Promise<void> {
    const { seen, accounts } = await this.moved(from, to, amount, call);
    await Promise.all([
      this.#write(from, seen[0], accounts[0], -amount),
      this.#write(to, seen[1], accounts[1], amount),
    ]);
  }

  async #write(id: string, seen: Seen, account: AccountData, by: number): Promise<void> {
    if (await this.client.compareAndSet(id, seen, JSON.stringify(account))) return;
    await retryUntilCommitted(async () => {
      const [now] = (await this.client.get([id])) as [Seen];
      const changed = parseAccount(now.text);
      changed.balance += by;
      return this.client.compareAndSet(id, now, JSON.stringify(changed));
    });
  }
}

/** Wrong on purpose: it shows that the check can see. */
export class NoControlCas extends OverClient {
  async transfer(from: string, to: string, amount: number, call: Call): Promise<void> {
    const { accounts } = await this.moved(from, to, amount, call);
    await Promise.all([
      this.client.set(from, JSON.stringify(accounts[0])),
      this.client.set(to, JSON.stringify(accounts[1])),
    ]);
  }
}
