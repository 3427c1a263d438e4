import { openingAmount, type BankReport } from './bank-workload.js';
import { MemcachedServer } from './memcached-server.js';
import { RedisServer } from './redis-server.js';
import { withSeed } from './seeded-random.js';
import type { StoreSpec } from './store-specs.js';
import { commitsOf, StoresBank } from './stores-bank.js';

export interface RunningStore {
  readonly spec: StoreSpec;
  readonly stop: () => Promise<void>;
}

export type StartStore = () => Promise<RunningStore>;

const accounts = 12;
const sum = accounts * openingAmount;
const exactSums = { balance: sum, points: sum, overdrawn: 0 };
/** What the dead leave is over after this, and what it takes to be thought dead. */
const timeoutMs = 3000;
const recoveredWithinMs = timeoutMs + 8000;

export async function onRedis(): Promise<RunningStore> {
  const server = await RedisServer.start();
  return { spec: { redis: server.url }, stop: () => server.stop() };
}

export async function onMemcached(): Promise<RunningStore> {
  const server = await MemcachedServer.start();
  return { spec: { memcached: [server.address] }, stop: () => server.stop() };
}

/** What a bank has to keep whose accounts lie in one store, or in two. */
export function describeBank(calls: number, startDefault: StartStore, startFar?: StartStore): void {
  const running: RunningStore[] = [];
  let bank: StoresBank;

  beforeAll(async () => {
    const first = await startDefault();
    running.push(first);
    const second = await startFar?.();
    if (second !== undefined) running.push(second);
    bank = await StoresBank.open(
      { default: first.spec, ...(second ? { far: second.spec } : {}) },
      { accounts, concurrency: 6, timeoutMs },
    );
  }, 90_000);

  afterAll(async () => {
    await bank?.close();
    for (const { stop } of running.splice(0)) await stop();
  });

  it('never shows a wrong sum to two processes, and versions count every commit', async () => {
    await withSeed('bank over stores', async (random) => {
      const before = await bank.commitCount();
      const runs = [bank.startTeller(random, calls), bank.startTeller(random, calls)];
      const reports = (await Promise.all(runs.map(({ report }) => report))) as BankReport[];
      await bank.nothingLeft(recoveredWithinMs);

      expect(await bank.sums()).toEqual(exactSums);
      expect((await bank.commitCount()) - before).toBe(2 * commitsOf(reports));
      expect(commitsOf(reports)).toBeGreaterThan(calls / 2);
      expect(reports.map(({ unknown }) => unknown)).toEqual([0, 0]);
      for (const { audits } of reports) expect(audits).toBeGreaterThan(calls / 10);
    });
  }, 90_000);

  it('keeps its sums when processes are killed, and nothing of them stays', async () => {
    await withSeed('bank over stores with killed processes', async (random) => {
      const steady = bank.startTeller(random);
      for (let kill = 0; kill < 4; kill += 1) {
        const victim = bank.startTeller(random);
        await bank.moreCommits(60 + random.integer(100));
        victim.child.kill('SIGKILL');
        await victim.report.catch(() => undefined);
        expect(victim.child.signalCode).toBe('SIGKILL');
      }
      steady.stop();
      const report = (await steady.report) as BankReport;

      expect(report.unknown).toBe(0);
      expect(report.audits).toBeGreaterThan(10);
      await bank.nothingLeft(recoveredWithinMs);
      expect(await bank.sums()).toEqual(exactSums);
    });
  }, 90_000);
}
