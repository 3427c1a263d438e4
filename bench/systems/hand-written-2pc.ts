import { randomBytes } from 'node:crypto';
import type { Cluster } from 'ioredis';
import { type AccountData, move } from '../accounts.js';
import { connectCluster, presentOf, readCluster, seedCluster } from './cluster-layouts.js';
import { parseAccount } from './layouts.js';
import { retryUntilCommitted } from './retry.js';
import type { CreateSystem, StoredAccount, System, SystemContext } from './system.js';
import { DECIDE, FINISH, PREPARE, SETTLE } from './two-phase-scripts.js';
import { readUnlocked } from './unlocked.js';
import type { Call } from './call.js';

const TIMEOUT_MS = 5000;
const RECORD_MS = 60_000;

/** A deadline that is over by any clock: to settle by it is to roll back, unless it is committed. */
const LONG_AGO = '0';

interface Versioned {
  readonly version: number;
  readonly account: AccountData;
}

/** Where the record of a transaction lies, and until when it may be decided; the text of its locks. */
interface Lock {
  readonly text: string;
  readonly recordKey: string;
  readonly deadlineMs: string;
}

/**
 * Two-phase commit by hand: lock one account with its new value beside the old one, decide in the
 * slot of the other one by a script that writes the record and that account, answer, unlock. Who
 * meets a lock finishes for its owner. A reply that was lost is asked for at the record.
 *
 * What the library does beyond this: it is not bound to two accounts that are both read and written
 * (nothing here validates items that were only read, inserts, deletes or expires any); it finishes what
 * a dead process left although nobody reads it (here that stays locked, and its record for ever); it
 * measures the clocks of the nodes (here one that lags by the time-out refuses every commit); it
 * answers `outcomeOf` later on (here a caller whose record cannot be reached gets the error of
 * ioredis); its commands are never sent twice, these are by ioredis, which the scripts allow for.
 */
class HandWritten2pc implements System {
  #cluster!: Cluster;
  #transactions = 0;
  readonly #processTag = randomBytes(9).toString('base64url');
  readonly #finishing = new Set<Promise<void>>();

  constructor(private readonly context: SystemContext) {}

  async setup(ids: readonly string[]): Promise<void> {
    // Auto-pipelining was measured: it saves Redis a quarter and costs Node, the busier one, more.
    this.#cluster = await connectCluster(this.context.redisUrls, { autoPipelining: false });
    await seedCluster(this.#cluster, ids, (account) => `1|${JSON.stringify(account)}`);
  }

  async transfer(from: string, to: string, amount: number, call: Call): Promise<void> {
    await retryUntilCommitted(() => this.#attempt(from, to, amount, call));
  }

  async #attempt(from: string, to: string, amount: number, call: Call): Promise<boolean> {
    call.attempts += 1;
    const [source, target] = await Promise.all([this.#read(from), this.#read(to)]);
    if (source === undefined || target === undefined) return false;
    move(source.account, target.account, amount);
    // The smaller id decides, whichever way the money goes: of two opposite transfers one wins.
    return from < to ? await this.#commit(source, target) : await this.#commit(target, source);
  }

  /** Undefined where somebody holds the account who may still commit. */
  async #read(id: string): Promise<Versioned | undefined> {
    const stored = await presentOf(this.#cluster, id);
    const lock = lockOf(stored);
    if (lock === undefined) return parseItem(stored);
    const outcome = await this.#settle(lock, lock.deadlineMs);
    if (outcome === 'undecided') return undefined;
    const finished = await this.#finish(id, lock, outcome);
    return lockOf(finished) === undefined ? parseItem(finished) : undefined;
  }

  async #commit(home: Versioned, other: Versioned): Promise<boolean> {
    const lock = this.#newLock(home.account.id);
    let outcome: string;
    try {
      if (!(await this.#prepare(other, lock))) return false;
      outcome = await this.#decide(home, lock);
    } catch {
      // A reply was lost, so the step may have happened; where this fails, too, nobody knows.
      outcome = await this.#settle(lock, LONG_AGO);
    }
    this.#finishLater(other.account.id, lock, outcome);
    return outcome === 'committed';
  }

  async #prepare({ version, account }: Versioned, lock: Lock): Promise<boolean> {
    const args = [String(version), lock.text, JSON.stringify(account)];
    return (await PREPARE.run(this.#cluster, [account.id], args)) === 1;
  }

  async #decide({ version, account }: Versioned, lock: Lock): Promise<string> {
    const next = `${version + 1}|${JSON.stringify(account)}`;
    const args = [lock.deadlineMs, `${version}|`, next, String(RECORD_MS)];
    return String(await DECIDE.run(this.#cluster, [lock.recordKey, account.id], args));
  }

  async #settle(lock: Lock, deadlineMs: string): Promise<string> {
    const args = [deadlineMs, String(RECORD_MS)];
    return String(await SETTLE.run(this.#cluster, [lock.recordKey], args));
  }

  async #finish(id: string, lock: Lock, outcome: string): Promise<string> {
    return String(await FINISH.run(this.#cluster, [id], [lock.text, outcome]));
  }

  /** In the background: the outcome stands, and whoever meets the lock meanwhile does the same. */
  #finishLater(id: string, lock: Lock, outcome: string): void {
    const work = this.#finishAndForget(id, lock, outcome)
      .catch(() => undefined)
      .finally(() => this.#finishing.delete(work));
    this.#finishing.add(work);
  }

  /** The record of a commit may expire only once nobody has to ask it any more. */
  async #finishAndForget(id: string, lock: Lock, outcome: string): Promise<void> {
    await this.#finish(id, lock, outcome);
    if (outcome === 'committed') await this.#cluster.pexpire(lock.recordKey, RECORD_MS);
  }

  #newLock(homeId: string): Lock {
    this.#transactions += 1;
    const id = `${this.#processTag}-${this.#transactions.toString(36)}`;
    return lockFrom(`${id}@${homeId}@${Date.now() + TIMEOUT_MS}`);
  }

  async check(ids: readonly string[]): Promise<StoredAccount[]> {
    const values = await readUnlocked(() => readCluster(this.#cluster, ids));
    return values.map((value) => {
      const { version, account } = parseItem(value);
      return { balance: account.balance, version };
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.#finishing);
    await this.#cluster.quit();
  }
}

function parseItem(stored: string): Versioned {
  const bar = stored.indexOf('|');
  return { version: Number(stored.slice(0, bar)), account: parseAccount(stored.slice(bar + 1)) };
}

function lockOf(stored: string): Lock | undefined {
  const bar = stored.indexOf('|');
  const star = stored.indexOf('*');
  return star < 0 || star > bar ? undefined : lockFrom(stored.slice(star + 1, bar));
}

/** `<transaction>@<account that decides>@<deadline>`. The tag puts the record beside that account. */
function lockFrom(text: string): Lock {
  const [id = '', home = '', deadlineMs = ''] = text.split('@');
  return { text, recordKey: `tx:{${home}}:${id}`, deadlineMs };
}

export const handWritten2pc: CreateSystem = (context) => new HandWritten2pc(context);
