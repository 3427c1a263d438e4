import { parseAddress } from '../../lib/store/transaction-address.js';
import { MoneyClient, type MoneyConfig, type Side } from './money-client.js';
import { MoneyServers } from './money-servers.js';
import { nothingLeft } from './nothing-left.js';
import { poll } from './poll.js';

const timeoutMs = 1500;
/** With which an outcome is forgotten soon. */
export const RECORD = { retentionMs: 100, marginMs: 100 };
type Step = (...args: never[]) => Promise<void>;

/** One process that moves money on servers that get into trouble, each time with an account of its own. */
export class MoneyTrouble {
  readonly timeoutMs = timeoutMs;
  client!: MoneyClient;
  /** The account of this test on every side, with 100 at first. */
  id = '';
  #used = 0;
  #address = '';

  static async start(): Promise<MoneyTrouble> {
    const servers = await MoneyServers.start({ accounts, balance: 100, withMariaDb: true });
    await servers.addDecoys();
    return new MoneyTrouble(servers);
  }

  private constructor(readonly servers: MoneyServers) {}

  async open(config: Partial<MoneyConfig> = {}): Promise<void> {
    this.id = this.nextId();
    await this.#open(config);
  }

  nextId(): string {
    return accounts[this.#used++]!;
  }

  async reopen(config: Partial<MoneyConfig>): Promise<void> {
    await this.client.close();
    await this.#open(config);
  }

  /** @throws when something is left. */
  async close(): Promise<void> {
    await this.nothingLeft();
    await this.client.close();
    const { postgres, mariadb } = await this.servers.decoys();
    if (postgres !== 3 || mariadb !== 2) throw new Error('What belongs to others was finished.');
  }

  /** Adds one on each side, in one attempt. */
  transfer(...sides: readonly Side[]): Promise<void> {
    const postings = sides.map((side) => ({ side, account: this.id, by: 1 }));
    const options = { timeoutMs, retry: { attempts: 1 } };
    return this.client.transfer(this.id, postings, options, (given) => (this.#address = given));
  }

  /** In Redis, PostgreSQL and MariaDB. */
  async balances(): Promise<number[]> {
    const { redis, pg, maria } = await this.servers.balanceOf(this.id);
    return [redis, pg, maria];
  }

  /** What became of the last transfer, once that is decided. */
  outcome(): Promise<string> {
    const { manager } = this.client.runtime;
    return poll(
      async () => {
        const said = await manager.outcomeOf(this.#address).catch(() => 'undecided' as const);
        return said === 'undecided' ? undefined : said;
      },
      { deadlineMs: timeoutMs + 8000, intervalMs: 50, until: `${this.#address} is decided` },
    );
  }

  /** The record of the last transfer is not kept any longer, unless something still needs it. */
  async expiry(): Promise<void> {
    const { deadlineAtMs } = parseAddress(this.#address);
    const untilMs = deadlineAtMs + RECORD.marginMs + RECORD.retentionMs + 300;
    await poll(() => (Date.now() > untilMs ? true : undefined), {
      deadlineMs: timeoutMs + 2000,
      until: 'records expire',
    });
  }

  nothingLeft(): Promise<void> {
    return nothingLeft(this.servers, this.client, timeoutMs + 5000);
  }

  async #open(config: Partial<MoneyConfig>): Promise<void> {
    const given = { ...this.servers.config, isolation: 'read-committed', ...config } as const;
    this.client = await MoneyClient.open(given);
  }
}

/** Has something happen the next time at one step of a participant. */
export function at<K extends string>(
  participant: { [Key in K]?: unknown },
  step: K,
  around: (own: () => Promise<void>) => Promise<void>,
): void {
  const own = (participant[step] as Step).bind(participant);
  participant[step] = ((...args: never[]) => {
    participant[step] = own;
    return around(() => own(...args));
  }) as never;
}

const accounts = Array.from({ length: 60 }, (_, nth) => `a${nth}`);
