import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { MoneyWorkerConfig } from '../workers/money.js';
import { LibraryCopy, untilSaid, type ChildRun } from './library-copy.js';
import { MoneyClient } from './money-client.js';
import { isIn, readNotes, wrongTransfers, type NotedTransfer } from './money-ledger.js';
import { MoneyServers } from './money-servers.js';
import { nothingLeft } from './nothing-left.js';
import type { SeededRandom } from './seeded-random.js';

export const TROUBLES = ['worker', 'pause', 'postgres', 'mariadb', 'redis'] as const;
export type Trouble = (typeof TROUBLES)[number];

export interface MoneyRunOptions {
  readonly random: SeededRandom;
  /** How often each of the troubles happens. */
  readonly rounds: number;
  readonly workers: number;
  readonly onRound?: (done: number) => void;
}

export interface MoneyReport {
  readonly told: Readonly<Record<NotedTransfer['told'], number>>;
  /** Of those that were told committed, by the servers they touched. */
  readonly committedOver: Readonly<Record<string, number>>;
  readonly errors: Readonly<Record<string, number>>;
  /** What is not as it has to be. */
  readonly wrong: readonly string[];
  /** How long after all servers were up and all processes dead it took until nothing was left, in ms. */
  readonly recoveredMs: number;
}

interface Worker {
  readonly run: ChildRun;
  readonly notebook: string;
}

const TIMEOUT_MS = 1500;
const BALANCE = 1000;
const ACCOUNTS = Array.from({ length: 12 }, (_, nth) => `a${nth}`);

/** Processes that move money while each of them, and each server, is killed in turn. */
export class MoneyRun {
  readonly #library = LibraryCopy.create();
  readonly #notebooks: string[] = [];
  readonly #workers: Worker[] = [];

  static async start(): Promise<MoneyRun> {
    const options = { accounts: ACCOUNTS, balance: BALANCE, withMariaDb: true };
    const servers = await MoneyServers.start(options);
    await servers.addDecoys();
    return new MoneyRun(servers);
  }

  private constructor(readonly servers: MoneyServers) {}

  async stop(): Promise<void> {
    this.#library.remove();
    await this.servers.stop();
  }

  async run({ random, rounds, workers, onRound }: MoneyRunOptions): Promise<MoneyReport> {
    while (this.#workers.length < workers) this.#workers.push(this.#startWorker(random));
    await Promise.all(this.#workers.map(({ run }) => untilSaid(run, 'working')));
    for (let round = 1; round <= rounds; round++) {
      for (const trouble of random.shuffle(TROUBLES)) {
        // At some moment of their work, which nothing announces.
        await delay(300 + random.integer(700));
        await this.#make(trouble, random);
      }
      onRound?.(round);
    }
    await delay(500);
    await Promise.all(this.#workers.splice(0).map((worker) => kill(worker)));
    return this.#judge();
  }

  async #make(trouble: Trouble, random: SeededRandom): Promise<void> {
    const { redis, postgres, mariadb } = this.servers;
    const nth = random.integer(this.#workers.length);
    const worker = this.#workers[nth]!;
    switch (trouble) {
      case 'worker':
        await kill(worker);
        this.#workers[nth] = this.#startWorker(random);
        return untilSaid(this.#workers[nth].run, 'working');
      case 'pause':
        worker.run.child.kill('SIGSTOP');
        await delay(TIMEOUT_MS + 200 + random.integer(1000));
        worker.run.child.kill('SIGCONT');
        return;
      case 'postgres':
      case 'mariadb':
      case 'redis': {
        const server = { redis, postgres, mariadb: mariadb! }[trouble];
        await server.kill();
        await delay(random.integer(500));
        return server.restart();
      }
    }
  }

  #startWorker(random: SeededRandom): Worker {
    const name = `w${this.#notebooks.length}`;
    const notebook = join(this.#library.dir, `notebook-${name}`);
    this.#notebooks.push(notebook);
    const config: MoneyWorkerConfig = {
      ...this.servers.config,
      connectTimeoutMs: 1000,
      name,
      seed: random.integer(2 ** 31),
      accounts: ACCOUNTS,
      concurrency: 3,
      timeoutMs: TIMEOUT_MS,
      notebook,
    };
    return { run: this.#library.start('test/workers/money.ts', config), notebook };
  }

  async #judge(): Promise<MoneyReport> {
    const startedAt = performance.now();
    const client = await MoneyClient.open(this.servers.config);
    try {
      await nothingLeft(this.servers, client, TIMEOUT_MS + 5000);
      const recoveredMs = Math.round(performance.now() - startedAt);
      const texts = this.#notebooks.filter(existsSync).map((path) => readFileSync(path, 'utf8'));
      const notes = readNotes(texts.join('\n'));
      const wrong = [...(await this.#wrongIn(notes, client)), ...(await this.#wrongSums())];
      return { ...figuresOf(notes), wrong, recoveredMs };
    } finally {
      await client.close();
    }
  }

  async #wrongIn(notes: readonly NotedTransfer[], client: MoneyClient): Promise<string[]> {
    const receipts = await this.servers.receipts();
    const wrong = wrongTransfers(notes, receipts);
    for (const { id, address } of notes) {
      if (address === undefined) continue;
      const outcome = await client.runtime.manager.outcomeOf(address);
      // Its record may have expired.
      if (outcome === 'expired') continue;
      if ((outcome === 'committed') === isIn(id, receipts)) continue;
      wrong.push(`outcomeOf says ${outcome} of ${id}, ${address}`);
    }
    return wrong;
  }

  async #wrongSums(): Promise<string[]> {
    const { redis, pg, maria } = await this.servers.balances();
    const right = 3 * ACCOUNTS.length * BALANCE;
    const wrong =
      redis + pg + maria === right ? [] : [`${redis} + ${pg} + ${maria} is not ${right}`];
    const { postgres, mariadb } = await this.servers.decoys();
    if (postgres !== 3 || mariadb !== 2) wrong.push('What belongs to others was finished.');
    return wrong;
  }
}

async function kill({ run }: Worker): Promise<void> {
  run.child.kill('SIGKILL');
  await run.report.catch(() => undefined);
}

function figuresOf(notes: readonly NotedTransfer[]) {
  const told = { committed: 0, 'rolled back': 0, unknown: 0 };
  const committedOver: Record<string, number> = {};
  const errors: Record<string, number> = {};
  for (const note of notes) {
    told[note.told]++;
    const over = note.sides.toSorted().join();
    if (note.told === 'committed') committedOver[over] = (committedOver[over] ?? 0) + 1;
    if (note.error !== undefined) errors[note.error] = (errors[note.error] ?? 0) + 1;
  }
  return { told, committedOver, errors };
}
