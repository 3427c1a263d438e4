import {
  DistributedTxError,
  StoreUnavailableError,
  TransactionOutcomeUnknownError,
  type RecordedOutcome,
} from '../../lib/index.js';
import { BankAccounts, type AccountPlaces } from './bank-accounts.js';
import { poll } from './poll.js';
import type { SeededRandom } from './seeded-random.js';
import type { TestRuntime } from './test-runtime.js';

export interface BankOptions {
  readonly runtime: TestRuntime;
  readonly random: SeededRandom;
  readonly accounts: number;
  readonly calls: number;
  readonly concurrency: number;
  readonly timeoutMs?: number;
  /** @default 'default' */
  readonly places?: AccountPlaces;
}

export interface BankReport {
  /** Calls that certainly changed two accounts. */
  readonly commits: number;
  /** Calls of which nobody could say so. */
  readonly unknown: number;
  /** Reads of all accounts, every one of which had the right sums. */
  readonly audits: number;
  readonly errors: Record<string, number>;
}

/** What every account begins with, of balance and of points. */
export const openingAmount = 100;

/** All accounts were read, and their sums are not what they always are. */
export class WrongSumError extends Error {
  constructor(balance: number, points: number) {
    super(`The balances sum up to ${balance}, the points to ${points}.`);
  }
}

/**
 * Transfers of balance by reading and writing, of points by increments, and audits that read all
 * accounts in several steps. Every call that commits a change writes exactly two accounts. An audit
 * throws inside of its transaction: such an error may only come from data that existed together.
 */
export class BankWorkload {
  readonly #options: BankOptions;
  readonly #random: SeededRandom;
  readonly #accounts: BankAccounts;
  readonly #ids: readonly string[];
  readonly #unknown: string[] = [];
  readonly #errors: Record<string, number> = {};
  #started = 0;
  #commits = 0;
  #audits = 0;
  #unresolved = 0;

  constructor(options: BankOptions) {
    this.#options = options;
    this.#random = options.random;
    this.#accounts = new BankAccounts(options.runtime, options.places);
    this.#ids = accountIds(options.accounts);
  }

  static async openAccounts(
    runtime: TestRuntime,
    count: number,
    places?: AccountPlaces,
  ): Promise<void> {
    const accounts = new BankAccounts(runtime, places);
    await runtime.manager.run(async () => {
      for (const id of accountIds(count)) {
        await accounts.insert({ id, balance: openingAmount, points: openingAmount });
      }
    });
  }

  /** Lets what is under way end, and begins nothing more. */
  stop(): void {
    this.#started = Infinity;
  }

  async run(): Promise<BankReport> {
    const { concurrency } = this.#options;
    await Promise.all(Array.from({ length: concurrency }, () => this.#runSome()));
    return this.report();
  }

  /**
   * Asks for the outcomes that no caller was told, until they are decided: for some that is when their
   * deadline is over, or the store reachable again.
   */
  async resolveUnknown(): Promise<void> {
    for (const address of this.#unknown.splice(0)) {
      const outcome = await poll(() => this.#decidedOutcomeOf(address), {
        deadlineMs: 30_000,
        intervalMs: 50,
        until: `${address} is decided`,
      });
      if (outcome === 'committed') this.#commits += 1;
      else if (outcome !== 'rolled_back') this.#unresolved += 1;
    }
  }

  async #decidedOutcomeOf(address: string): Promise<RecordedOutcome | undefined> {
    try {
      const outcome = await this.#options.runtime.manager.outcomeOf(address);
      return outcome === 'undecided' ? undefined : outcome;
    } catch (error) {
      if (error instanceof StoreUnavailableError) return undefined;
      throw error;
    }
  }

  report(): BankReport {
    return {
      commits: this.#commits,
      unknown: this.#unresolved + this.#unknown.length,
      audits: this.#audits,
      errors: this.#errors,
    };
  }

  async #runSome(): Promise<void> {
    while (this.#started < this.#options.calls) {
      this.#started += 1;
      const kind = this.#random.integer(10);
      if (kind < 4) await this.#change(() => this.#transfer());
      else if (kind < 7) await this.#change(() => this.#transferPoints());
      else if (kind < 8) await this.#change(() => this.#auditedTransfer());
      else await this.#look();
    }
  }

  async #change(work: () => Promise<void>): Promise<void> {
    try {
      await this.#run(work, false);
      this.#commits += 1;
    } catch (error) {
      this.#note(error);
    }
  }

  async #look(): Promise<void> {
    try {
      await this.#run(() => this.#audit(), this.#random.chance(0.5));
      this.#audits += 1;
    } catch (error) {
      this.#note(error);
    }
  }

  #run(work: () => Promise<void>, readOnly: boolean): Promise<void> {
    const { runtime, timeoutMs = 20_000 } = this.#options;
    return runtime.manager.run(work, { readOnly, timeoutMs, retry: { attempts: 500 } });
  }

  #note(error: unknown): void {
    if (!(error instanceof DistributedTxError)) throw error;
    this.#errors[error.name] = (this.#errors[error.name] ?? 0) + 1;
    if (error instanceof TransactionOutcomeUnknownError) this.#unknown.push(error.address);
  }

  async #transfer(): Promise<void> {
    const [from, to] = this.#pickTwo();
    const amount = 1 + this.#random.integer(5);
    const source = await this.#accounts.findOneOrFail(from);
    const target = await this.#accounts.findOneOrFail(to);
    source.balance -= amount;
    target.balance += amount;
    await this.#accounts.save(source);
    await this.#accounts.save(target);
  }

  async #transferPoints(): Promise<void> {
    const [from, to] = this.#pickTwo();
    const amount = 1 + this.#random.integer(5);
    await this.#accounts.addPoints(from, -amount, { min: 0 });
    await this.#accounts.addPoints(to, amount);
  }

  async #auditedTransfer(): Promise<void> {
    await this.#audit();
    await this.#transfer();
  }

  /** Some accounts together, the others one by one. */
  async #audit(): Promise<void> {
    const ids = this.#random.shuffle(this.#ids);
    const together = this.#random.integer(ids.length);
    const read = [...(await this.#accounts.findManyOrFail(ids.slice(0, together)))];
    for (const id of ids.slice(together)) read.push(await this.#accounts.findOneOrFail(id));
    const balance = read.reduce((sum, account) => sum + account.balance, 0);
    const points = read.reduce((sum, account) => sum + account.points, 0);
    const right = this.#ids.length * openingAmount;
    if (balance !== right || points !== right) throw new WrongSumError(balance, points);
  }

  #pickTwo(): [string, string] {
    const [from = '', to = ''] = this.#random.shuffle(this.#ids);
    return [from, to];
  }
}

export function accountIds(count: number): string[] {
  return Array.from({ length: count }, (_, nth) => `a${nth}`);
}
