import { CounterBoundError } from '../../lib/errors/index.js';
import { FaultProxy, type Fault } from '../support/fault-proxy.js';
import { checkHistory, describeAnomalies } from '../support/history/index.js';
import { ListAppendWorkload } from '../support/list-append-workload.js';
import { TestRuntime } from '../support/test-runtime.js';
import { Account } from '../support/entities.js';
import { equal, rejects, type Bench } from './bench.js';

class Mixed extends Error {}

async function open({ accounts }: Bench, ids: readonly string[]): Promise<void> {
  for (const id of ids) await accounts.save({ id, balance: 1, points: 10 });
}

/** How many of the works commit when each begins after all of them have read all ids. */
async function meet(
  bench: Bench,
  works: readonly ((id: string) => Promise<void>)[],
  ids: string[],
) {
  let arrived = 0;
  let pass = (): void => undefined;
  const gate = new Promise<void>((resolve) => (pass = resolve));
  const calls = works.map((work, nth) =>
    bench.once(async () => {
      await bench.accounts.findMany(ids);
      arrived += 1;
      if (arrived === works.length) pass();
      await gate;
      await work(ids[nth]!);
    }),
  );
  const outcomes = await Promise.allSettled(calls);
  return outcomes.filter(({ status }) => status === 'fulfilled').length;
}

async function withFault(bench: Bench, fault: Fault): Promise<[resolved: boolean, points: number]> {
  const proxy = await FaultProxy.start({ targetPort: Number(new URL(bench.url!).port) });
  const { keyPrefix } = bench;
  const runtime = await TestRuntime.open({ redis: proxy.url, keyPrefix });
  try {
    const accounts = runtime.repository(Account);
    const id = bench.id();
    await accounts.save({ id, balance: 0, points: 10 });
    let commits = 0;
    proxy.decide = ({ name }) => (name === 'evalsha' && ++commits === 1 ? fault : undefined);
    const resolved = await runtime.manager
      .run(() => accounts.increment(id, 'points', 1), { retry: { attempts: 1 } })
      .then(
        () => true,
        () => false,
      );
    await proxy.releaseLate();
    return [resolved, (await bench.accounts.findOneOrFail(id)).points];
  } finally {
    await runtime.close();
    await proxy.stop();
  }
}

/** What the callers of the library rely on. */
export const protocolChecks: Record<string, (bench: Bench) => Promise<void>> = {
  'a history is strictly serializable': async (bench) => {
    await ListAppendWorkload.prepare(bench.runtime);
    const workload = new ListAppendWorkload({
      runtime: bench.runtime,
      random: bench.random,
      transactions: 900,
      concurrency: 12,
      worker: { index: 0, count: 1 },
      timeoutMs: 5000,
      transactionsPerGroup: 150,
    });
    await workload.run();
    const { history, keys, increments } = workload.report();
    const finalReads = await ListAppendWorkload.finalReads(bench.runtime, keys);
    equal(describeAnomalies(checkHistory(history, finalReads)), '');
    equal(await ListAppendWorkload.finalTally(bench.runtime), increments.certain);
  },

  'two transactions do not skew each other': async (bench) => {
    const ids = [bench.id(), bench.id()];
    await open(bench, ids);
    const leave = async (id: string): Promise<void> =>
      void (await bench.accounts.update(id, { balance: 0 }));
    equal(await meet(bench, [leave, leave], ids), 1);
  },

  'two transactions do not skew the absence each of them saw': async (bench) => {
    const ids = [bench.id(), bench.id()];
    const take = async (id: string): Promise<void> =>
      void (await bench.accounts.save({ id, balance: 1, points: 0 }));
    equal(await meet(bench, [take, take], ids), 1);
  },

  'an item that was deleted and created again is another one': async (bench) => {
    const [id, other] = [bench.id(), bench.id()];
    await bench.accounts.insert({ id, balance: 1, points: 10 });
    const call = bench.once(async () => {
      await bench.accounts.findOneOrFail(id);
      await bench.once(() => bench.accounts.delete(id));
      await bench.once(() => bench.accounts.insert({ id, balance: 2, points: 0 }));
      await bench.accounts.save({ id: other, balance: 0, points: 0 });
    });
    await rejects(call);
  },

  'several reads show what existed together': async (bench) => {
    const ids = [bench.id(), bench.id()];
    await open(bench, ids);
    let runs = 0;
    const seen = await bench.manager.run(async () => {
      const first = await bench.accounts.findOneOrFail(ids[0]!);
      if (++runs === 1) await changeBoth(bench, ids);
      const second = await bench.accounts.findOneOrFail(ids[1]!);
      return [first.balance, second.balance];
    });
    equal(seen, [2, 2]);
  },

  'an error from data that never existed together is not reported': async (bench) => {
    const ids = [bench.id(), bench.id()];
    await open(bench, ids);
    let runs = 0;
    await bench.manager.run(async () => {
      const first = await bench.accounts.findOneOrFail(ids[0]!);
      if (++runs === 1) await changeBoth(bench, ids);
      const second = await bench.accounts.findOneOrFail(ids[1]!);
      if (first.balance !== second.balance) throw new Mixed('They never existed together.');
    });
    equal(runs, 2);
  },

  'the bounds of increments hold for all of them together': async (bench) => {
    const id = bench.id();
    await open(bench, [id]);
    const calls = Array.from({ length: 20 }, () =>
      bench.accounts.increment(id, 'points', -1, { min: 0 }),
    );
    const outcomes = await Promise.allSettled(calls);
    const refused = outcomes.filter(
      (outcome) => outcome.status === 'rejected' && outcome.reason instanceof CounterBoundError,
    );
    equal([refused.length, (await bench.accounts.findOneOrFail(id)).points], [10, 0]);
  },

  'a nested transaction that fails takes its writes back and keeps its reads': async (bench) => {
    const [id, other] = [bench.id(), bench.id()];
    await open(bench, [id]);
    const failing = async (): Promise<void> => {
      const nested = async (): Promise<void> => {
        await bench.accounts.update(id, { balance: 9 });
        throw new Mixed('Not this way.');
      };
      await bench.manager.run(nested, { propagation: 'NESTED' }).catch(() => undefined);
    };
    await bench.once(async () => {
      await failing();
      equal((await bench.accounts.findOneOrFail(id)).balance, 1);
    });
    equal((await bench.accounts.findOneOrFail(id)).balance, 1);
    const dependent = bench.once(async () => {
      await failing();
      await bench.once(() => bench.accounts.update(id, { balance: 2 }));
      await bench.accounts.save({ id: other, balance: 0, points: 0 });
    });
    await rejects(dependent);
  },

  'a commit whose reply is lost is applied once or not at all, as was told': async (bench) => {
    if (bench.url === undefined) return;
    equal(await withFault(bench, { kind: 'cutBeforeReply' }), [true, 11]);
    equal(await withFault(bench, { kind: 'cutBeforeRequest' }), [false, 10]);
    equal(await withFault(bench, { kind: 'deliverLate' }), [false, 10]);
  },
};

async function changeBoth(bench: Bench, ids: readonly string[]): Promise<void> {
  await bench.once(async () => {
    for (const id of ids) await bench.accounts.update(id, { balance: 2 });
  });
}
