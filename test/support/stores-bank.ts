import { DistributedTxError } from '../../lib/errors/index.js';
import { BankAccounts, placedAccountKeys, type AccountPlaces } from './bank-accounts.js';
import { accountIds, BankWorkload, type BankReport } from './bank-workload.js';
import { LibraryCopy, type ChildRun } from './library-copy.js';
import { poll } from './poll.js';
import type { SeededRandom } from './seeded-random.js';
import { journalsIn, rawTexts, storesOf, type StoresConfig } from './store-specs.js';
import { TestRuntime } from './test-runtime.js';

export interface BankSize {
  readonly accounts: number;
  readonly concurrency: number;
  readonly timeoutMs: number;
}

/** Accounts in one store or in two, and processes that work on them. */
export class StoresBank {
  readonly #ids: readonly string[];
  readonly #accounts: BankAccounts;

  /** Opens the accounts; the stores have to be empty. */
  static async open(config: StoresConfig, size: BankSize): Promise<StoresBank> {
    const places = config.far === undefined ? 'default' : 'both';
    const runtime = await TestRuntime.open({ stores: storesOf(config) });
    await BankWorkload.openAccounts(runtime, size.accounts, places);
    return new StoresBank(config, size, places, { runtime, library: LibraryCopy.create() });
  }

  private constructor(
    private readonly config: StoresConfig,
    private readonly size: BankSize,
    private readonly places: AccountPlaces,
    private readonly parts: { readonly runtime: TestRuntime; readonly library: LibraryCopy },
  ) {
    this.#ids = accountIds(size.accounts);
    this.#accounts = new BankAccounts(parts.runtime, places);
  }

  async close(): Promise<void> {
    this.parts.library.remove();
    await this.parts.runtime.close();
  }

  /** A process that works until its calls are made, or until it is told to stop. */
  startTeller(random: SeededRandom, calls = Number.MAX_SAFE_INTEGER): ChildRun {
    const { config: stores, places, size } = this;
    const seed = random.integer(2 ** 31);
    return this.parts.library.start('test/workers/bank.ts', {
      ...size,
      stores,
      places,
      calls,
      seed,
    });
  }

  async sums(): Promise<{ balance: number; points: number; overdrawn: number }> {
    const found = await this.parts.runtime.manager.run(
      () => this.#accounts.findManyOrFail(this.#ids),
      { timeoutMs: 10_000, retry: { attempts: 500 } },
    );
    return {
      balance: found.reduce((sum, { balance }) => sum + balance, 0),
      points: found.reduce((sum, { points }) => sum + points, 0),
      overdrawn: found.filter(({ points }) => points < 0).length,
    };
  }

  /** Of all accounts together. */
  async commitCount(): Promise<number> {
    const look = () => Promise.all(this.#ids.map((id) => this.#accounts.commitCountOf(id)));
    const counts = await this.parts.runtime.manager.run(look, { timeoutMs: 10_000 });
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** Resolves when the accounts have seen so many more commits. */
  async moreCommits(count: number): Promise<void> {
    const enough = (await this.commitCount()) + count;
    await poll(async () => ((await this.commitCount()) > enough ? true : undefined), {
      deadlineMs: 20_000,
      intervalMs: 20,
      until: `${count} more are committed`,
    });
  }

  /**
   * Waits until no account is locked in any store, and no journal is left in a Redis, while this process
   * meets what others left. @throws what is left, when time is over.
   */
  async nothingLeft(deadlineMs: number): Promise<void> {
    let left: readonly string[] = [];
    const look = async (): Promise<true | undefined> => {
      left = await this.#leftovers();
      if (left.length === 0) return true;
      await this.#meet();
      return undefined;
    };
    try {
      await poll(look, { deadlineMs, intervalMs: 50, until: 'nothing is left' });
    } catch (cause) {
      throw new Error(`${String(cause)}:\n${left.join('\n')}`, { cause });
    }
  }

  /** A lock that its process had no time to note goes when somebody meets it. */
  async #meet(): Promise<void> {
    try {
      await this.commitCount();
    } catch (error) {
      if (!(error instanceof DistributedTxError)) throw error;
    }
  }

  async #leftovers(): Promise<string[]> {
    const keys = placedAccountKeys(this.#ids, this.places);
    const { default: near, far } = this.config;
    const texts = await rawTexts(near, keys.default);
    if (far !== undefined) texts.push(...(await rawTexts(far, keys.far)));
    const held = texts.filter((text) => text === undefined || text.split('|')[0]!.includes('*'));
    return [...held.map(String), ...(await journalsIn(near))];
  }
}

export function commitsOf(reports: readonly BankReport[]): number {
  return reports.reduce((sum, { commits }) => sum + commits, 0);
}
