import { redisCommand } from '../support/redis-command.js';
import { add, equal, write, type Bench } from './bench.js';

/** What holds of a single commit, whatever the repositories make of it. */
export const storeChecks: Record<string, (bench: Bench) => Promise<void>> = {
  'a commit is refused once its outcome was asked for': async (bench) => {
    const [address, id] = [bench.address(), bench.id()];
    equal(await bench.store.fence(address, bench.until), 'rolled_back');
    const items = [{ key: bench.keyOf(id), expected: '0', change: write() }];
    const reply = await bench.store.commitOnePhase(bench.commit(items, address), bench.until);
    equal(reply.status, 'rolled_back');
    equal(await bench.stored(id), undefined);
    equal(await bench.store.outcome(address, bench.until), 'rolled_back');
  },

  'a repeated commit is answered again and applied once': async (bench) => {
    const id = bench.id();
    await bench.accounts.save({ id, balance: 0, points: 10 });
    const commit = bench.commit([{ key: bench.keyOf(id), expected: undefined, change: add(1) }]);
    for (let times = 0; times < 2; times += 1) {
      const reply = await bench.store.commitOnePhase(commit, bench.until);
      equal(reply.status, 'committed');
    }
    equal((await bench.accounts.findOneOrFail(id)).points, 11);
    equal(await bench.store.fence(commit.address, bench.until), 'committed');
    equal(await bench.store.outcome(commit.address, bench.until), 'committed');
  },

  'a commit of a version is answered again when it is repeated': async (bench) => {
    const commit = bench.commit([{ key: bench.keyOf(bench.id()), expected: '0', change: write() }]);
    for (let times = 0; times < 2; times += 1) {
      equal((await bench.store.commitOnePhase(commit, bench.until)).status, 'committed');
    }
  },

  'nothing is committed past its deadline, or with one that lies too far off': async (bench) => {
    for (const lifetimeMs of [-1000, 3_600_000]) {
      const id = bench.id();
      const items = [{ key: bench.keyOf(id), expected: '0', change: write() }];
      const commit = bench.commit(items, bench.address(lifetimeMs));
      equal((await bench.store.commitOnePhase(commit, bench.until)).status, 'deadline');
      equal(await bench.stored(id), undefined);
    }
  },

  'nothing is written before everything is checked': async (bench) => {
    const [first, last] = [bench.id(), bench.id()];
    await bench.accounts.save({ id: first, balance: 0, points: 0 });
    const before = await bench.stored(first);
    const refused = [
      { expected: '7.nobody', change: undefined },
      { expected: '7.nobody', change: write() },
      { expected: undefined, change: add(1) },
    ];
    for (const item of refused) {
      const commit = bench.commit([
        { key: bench.keyOf(first), expected: undefined, change: add(5) },
        { key: bench.keyOf(last), ...item },
      ]);
      const reply = await bench.store.commitOnePhase(commit, bench.until);
      equal(reply.status === 'committed', false);
      equal(await bench.stored(first), before);
    }
  },

  'a refusal does not reach the other transactions of its batch': async (bench) => {
    const ids = [bench.id(), bench.id(), bench.id()];
    const wrong = { expected: '7.nobody', change: write() };
    const commits = ids.map((id, nth) => {
      const items =
        nth === 1
          ? [bench.id(), bench.id()].map((other) => ({ key: bench.keyOf(other), ...wrong }))
          : [{ key: bench.keyOf(id), expected: '0', change: write(`{"id":"${id}"}`) }];
      return bench.store.commitOnePhase(bench.commit(items), bench.until);
    });
    const replies = await Promise.all(commits);
    equal(
      replies.map(({ status }) => status),
      ['committed', 'conflict', 'committed'],
    );
    equal((await bench.stored(ids[2]!))?.endsWith(`|1|{"id":"${ids[2]}"}`), true);
  },

  'a foreign lock refuses reads, writes, blind writes and increments': async (bench) => {
    if (bench.url === undefined) return;
    const port = Number(new URL(bench.url).port);
    const id = bench.id();
    const locked = '3.abc*other@0@9999999999999|1|{}';
    await redisCommand(port, ['SET', bench.keyOf(id), locked]);
    const changes = [
      { expected: '3.abc', change: undefined },
      { expected: '3.abc', change: write() },
      { expected: '3.abc', change: { kind: 'delete' } as const },
      { expected: undefined, change: write() },
      { expected: undefined, change: add(1) },
    ];
    for (const item of changes) {
      const commit = bench.commit([{ key: bench.keyOf(id), ...item }]);
      equal((await bench.store.commitOnePhase(commit, bench.until)).status, 'locked');
      equal(await redisCommand(port, ['GET', bench.keyOf(id)]), locked);
    }
  },

  'a blind write counts on': async (bench) => {
    const id = bench.id();
    for (const count of [1, 2, 3]) {
      await bench.accounts.save({ id, balance: count, points: 0 });
      equal((await bench.versionOf(id)).split('.')[0], String(count));
    }
  },
};
