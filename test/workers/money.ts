import { appendFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { TransactionOutcomeUnknownError } from '../../lib/errors/index.js';
import { MoneyClient, type MoneyConfig, type Posting, type Side } from '../support/money-client.js';
import { SeededRandom } from '../support/seeded-random.js';
import { endWithParent, workerConfig } from '../support/worker-process.js';

export interface MoneyWorkerConfig extends MoneyConfig {
  /** Unique among all processes of a run. */
  readonly name: string;
  readonly seed: number;
  readonly accounts: readonly string[];
  readonly concurrency: number;
  readonly timeoutMs: number;
  /**
   * Gets a line `?<id> <sides>` before each transfer, and after it `=<id>` where it is committed, `-<id> <error>` where
   * it is not, `!<id> <address>` where nobody could tell; even if the process dies.
   */
  readonly notebook: string;
}

/** Transfers between one, two or three servers, until it is killed. */
endWithParent();
const config = workerConfig<MoneyWorkerConfig>();
const { name, seed, accounts, concurrency, timeoutMs, notebook } = config;
const random = new SeededRandom(seed);
let count = 0;

function note(line: string): void {
  appendFileSync(notebook, `${line}\n`);
}

/** A server may be down just now. */
async function open(): Promise<MoneyClient> {
  for (;;) {
    try {
      return await MoneyClient.open(config);
    } catch {
      await delay(50);
    }
  }
}

/** Mostly in one order, in which nobody waits for each other. */
function pickSides(): Side[] {
  const mariaDb = random.pick(['maria', 'maria-xa'] as const);
  const all: Side[] = ['redis', 'pg', mariaDb];
  const sides = random.shuffle(all).slice(0, 1 + random.integer(3));
  return random.chance(0.1) ? sides : all.filter((side) => sides.includes(side));
}

function pickPostings(): Posting[] {
  const sides = pickSides();
  const [first = 'redis'] = sides;
  const places = sides.length === 1 ? [first, first] : sides;
  const ids = random.shuffle(accounts);
  const by = 1 + random.integer(5);
  return places.map((side, nth) => {
    const share = nth === 0 ? -by * (places.length - 1) : by;
    return { side, account: ids[nth]!, by: share };
  });
}

async function transfer(client: MoneyClient): Promise<void> {
  const id = `${name}-${++count}`;
  const postings = pickPostings();
  note(`?${id} ${[...new Set(postings.map(({ side }) => side))].join(',')}`);
  try {
    await client.transfer(id, postings, { timeoutMs, retry: { attempts: 30 } });
    note(`=${id}`);
  } catch (error) {
    if (error instanceof TransactionOutcomeUnknownError) note(`!${id} ${error.address}`);
    else note(`-${id} ${(error as Error).name}`);
    // A server that is down refuses at once.
    await delay(20);
  }
}

note('');
const client = await open();
process.send?.('working');
const forEver = async (): Promise<void> => {
  for (;;) await transfer(client);
};
await Promise.all(Array.from({ length: concurrency }, forEver));
