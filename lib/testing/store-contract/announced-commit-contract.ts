import assert from 'node:assert/strict';
import { recordKeyOf } from '../../store/transaction-address.js';
import { held, insert, replace, write, type ContractCase } from './contract-session.js';
import {
  announce,
  announced,
  assertHead,
  assertKeptUntilRetired,
  awaitingDecider,
  BRANCHES,
  commitAnnounced,
  RECORDED,
  recordOf,
  redoOf,
} from './pending-records.js';

export const ANNOUNCED_COMMIT_CONTRACT: readonly ContractCase[] = [
  {
    title: 'commits what was announced, once, with its branches and what is left to do elsewhere',
    oneStep: true,
    run: async (session) => {
      const address = await announced(session);
      const holding = await session.holds(address, insert(session.key('held')));
      const redo = redoOf(session);
      const items = [insert(session.key()), ...holding.map(held)];
      const commit = () => commitAnnounced(session, items, address, { redo });

      assert.equal((await commit()).status, 'committed');

      assert.equal((await session.item()).version, `1.${address.id}`);
      assert.equal((await session.item(session.key('held'))).lock, undefined);
      const record = { ...RECORDED, status: 'committed', redo };
      assert.deepEqual(await recordOf(session, address), record);
      assert.equal(await session.store.outcome(address, session.until), 'committed');
      await assertHead(session, address, 'committed');
      assert.equal((await commit()).status, 'committed');
      assert.equal((await session.item()).version, `1.${address.id}`);
      assert.deepEqual(await announce(session, address), { status: 'committed' });
      assert.equal(await session.store.fence(address, session.until), 'committed');
    },
  },
  {
    title: 'commits what was announced though it writes nothing',
    run: async (session) => {
      const address = await announced(session);

      assert.equal((await commitAnnounced(session, [], address)).status, 'committed');

      assert.deepEqual(await recordOf(session, address), { ...RECORDED, status: 'committed' });
    },
  },
  {
    title: 'tells the members of a record in one order',
    run: async (session) => {
      const address = await announced(session);
      await commitAnnounced(session, [], address, { redo: redoOf(session) });
      const raw = session.seesRaw ? await session.raw(recordKeyOf(address)) : undefined;
      if (raw === undefined) return;

      const members = JSON.parse(raw.slice(raw.indexOf('|') + 1)) as Record<string, unknown>;

      assert.deepEqual(Object.keys(members), ['decidedAt', 'name', 'branches', 'redo']);
      assert.deepEqual(members['branches'], [
        ['orders', 1],
        ['stock', 2, BRANCHES[1]!.payload],
      ]);
    },
  },
  {
    title: 'keeps the record of a commit with branches until it is retired',
    run: async (session) => {
      const address = await announced(session, {}, session.address(1000));
      await commitAnnounced(session, [insert(session.key())], address);

      await assertKeptUntilRetired(session, address, 'committed');
    },
  },
  {
    title: 'keeps it as well where nothing was announced, and not without branches',
    run: async (session) => {
      const [plain, address] = [session.address(1000), session.address(1000)];
      await commitAnnounced(session, [], plain, { branches: [], announced: false });
      await commitAnnounced(session, [], address, { announced: false });

      await assertKeptUntilRetired(session, address, 'committed');

      assert.equal(await session.store.outcome(plain, session.until), 'expired');
    },
  },
  {
    title: 'rolls back what was to be announced and is not recorded, whatever else it lacks',
    run: async (session) => {
      await session.commits(insert(session.key('taken')));
      for (const deadlineInMs of [5000, -50]) {
        const address = session.address(deadlineInMs);
        for (const key of [session.key(), session.key('taken')]) {
          const reply = await commitAnnounced(session, [replace(key, '0')], address);

          assert.deepEqual(reply, { status: 'rolled_back' });
        }
        assert.equal(await recordOf(session, address), undefined);
      }
      assert.equal(await session.read(), undefined);
    },
  },
  {
    title: 'refuses what was announced and fenced since',
    run: async (session) => {
      const address = await announced(session);
      await session.store.fence(address, session.until);

      const reply = await commitAnnounced(session, [insert(session.key())], address);

      assert.deepEqual(reply, { status: 'rolled_back' });
      assert.deepEqual(await recordOf(session, address), { ...RECORDED, status: 'rolled_back' });
      assert.equal(await session.read(), undefined);
    },
  },
  {
    title: 'leaves what was announced as it is where an item stands against it',
    oneStep: true,
    run: async (session) => {
      await session.commits(insert(session.key()));
      const address = await announced(session);

      const reply = await commitAnnounced(session, [insert(session.key())], address);

      assert.equal(reply.status, 'conflict');
      assert.deepEqual(await recordOf(session, address), { ...RECORDED, status: 'pending' });
    },
  },
  {
    title: 'does not commit by itself what waits for its decider',
    run: async (session) => {
      await session.commits(insert(session.key('taken')));
      const address = await awaitingDecider(session);
      for (const name of ['item', 'taken']) {
        for (const isAnnounced of [true, false]) {
          const items = [insert(session.key(name), write('new'))];
          const reply = commitAnnounced(session, items, address, { announced: isAnnounced });

          await assert.rejects(reply, { name: 'InvariantViolationError' });
        }
      }
      assert.equal(await session.read(), undefined);
      assert.equal((await recordOf(session, address))?.decider, 'orders');
    },
  },
  {
    title: 'commits over an announcement of which it says nothing',
    oneStep: true,
    run: async (session) => {
      const address = await announced(session);

      const reply = await session.commit([insert(session.key())], address);

      assert.equal(reply.status, 'committed');
      assert.equal((await session.item()).version, `1.${address.id}`);
      const record = { ...RECORDED, status: 'committed', branches: [] };
      assert.deepEqual(await recordOf(session, address), record);
    },
  },
  {
    title: 'decides between a commit and a fence of what was announced once, and says so to both',
    oneStep: true,
    run: async (session) => {
      for (let round = 0; round < 20; round++) {
        const key = session.key(`race-${round}`);
        const address = await announced(session);
        const commit = () => commitAnnounced(session, [insert(key)], address);
        const fence = () => session.store.fence(address, session.until);
        const order = round % 2 === 0;

        const first = order ? commit() : fence();
        const second = order ? fence() : commit();
        const answers = [await first, await second].map((answer) =>
          typeof answer === 'string' ? answer : answer.status,
        );

        assert.equal(new Set(answers).size, 1, `The answers were ${answers.join(' and ')}.`);
        const exists = (await session.read(key)) !== undefined;
        assert.equal(exists, answers[0] === 'committed');
        assert.deepEqual((await recordOf(session, address))?.branches, BRANCHES);
      }
    },
  },
];
