import { List, Tally } from './entities.js';
import { outcomeOf } from './outcome.js';
import { poll } from './poll.js';
import type { RedisSource } from '../../lib/store/redis/redis-client.js';
import type { SeededRandom } from './seeded-random.js';
import { TestRuntime } from './test-runtime.js';

export interface KillReport {
  readonly acknowledged: number;
  readonly refused: number;
  readonly unknown: number;
  /** Acknowledged, and yet not there. */
  readonly lost: readonly string[];
  /** There in part. */
  readonly partial: readonly string[];
  /** There, although the caller was told that nothing was written. */
  readonly resurrected: readonly string[];
  /** By how much the tally differs from the number of transactions that are there. */
  readonly miscounted: number;
}

const tellers = 8;

export interface KillCycles {
  readonly redis: RedisSource;
  readonly random: SeededRandom;
  readonly cycles: number;
  /** Kills what holds the data, and resolves when it is there again, or something in its place. */
  readonly strike: () => Promise<void>;
}

/**
 * Strikes under load, again and again. Every transaction inserts two items and counts itself;
 * afterwards each of them has to be there as a whole, or not at all where its caller was told so.
 */
export async function runKillCycles(options: KillCycles): Promise<KillReport> {
  const { redis, random, cycles, strike } = options;
  const runtime = await TestRuntime.open({ redis });
  const lists = runtime.repository(List);
  const tallies = runtime.repository(Tally);
  await tallies.save({ id: 'kills', count: 0 });
  const told = {
    acknowledged: new Set<string>(),
    refused: new Set<string>(),
    unknown: new Set<string>(),
  };
  let running = true;

  const teller = async (index: number): Promise<void> => {
    for (let nth = 0; running; nth += 1) {
      const id = `${index}-${nth}`;
      const outcome = await outcomeOf(
        runtime.manager.run(
          async () => {
            await lists.insert({ id: `left-${id}`, values: [nth] });
            await tallies.increment('kills', 'count', 1);
            await lists.insert({ id: `right-${id}`, values: [nth] });
          },
          { timeoutMs: 10_000, retry: { attempts: 100 } },
        ),
      );
      if (outcome.kind === 'resolved') told.acknowledged.add(id);
      else if (outcome.error.category === 'outcome-unknown') told.unknown.add(id);
      else told.refused.add(id);
    }
  };
  const working = Array.from({ length: tellers }, (_, index) => teller(index));
  try {
    for (let cycle = 0; cycle < cycles; cycle += 1) {
      const enough = told.acknowledged.size + 30 + random.integer(200);
      await poll(() => (told.acknowledged.size >= enough ? true : undefined), {
        deadlineMs: 30_000,
        intervalMs: 1,
        until: `${enough} transactions are acknowledged`,
      });
      await strike();
    }
  } finally {
    running = false;
  }
  await Promise.all(working);

  const ids = [...told.acknowledged, ...told.refused, ...told.unknown];
  const left = await presentOf(
    runtime,
    ids.map((id) => `left-${id}`),
  );
  const right = await presentOf(
    runtime,
    ids.map((id) => `right-${id}`),
  );
  const there = ids.filter((_, nth) => left[nth]);
  const { count } = await tallies.findOneOrFail('kills');
  await runtime.close();
  return {
    acknowledged: told.acknowledged.size,
    refused: told.refused.size,
    unknown: told.unknown.size,
    lost: ids.filter((id, nth) => told.acknowledged.has(id) && !left[nth]),
    partial: ids.filter((_, nth) => left[nth] !== right[nth]),
    resurrected: there.filter((id) => told.refused.has(id)),
    miscounted: count - there.length,
  };
}

async function presentOf(runtime: TestRuntime, ids: readonly string[]): Promise<boolean[]> {
  const lists = runtime.repository(List);
  const present: boolean[] = [];
  for (let at = 0; at < ids.length; at += 500) {
    const found = await lists.findMany(ids.slice(at, at + 500));
    present.push(...found.map((list) => list !== null));
  }
  return present;
}
