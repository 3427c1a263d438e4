import assert from 'node:assert/strict';
import { recordKeyOf } from '../../store/transaction-address.js';
import {
  blind,
  counted,
  CONTRACT_LIFETIME,
  increment,
  insert,
  replace,
  step,
  write,
  type ContractCase,
} from './contract-session.js';

const FORGOTTEN_MS = CONTRACT_LIFETIME.marginMs + 50;
const EXPIRED_MS = CONTRACT_LIFETIME.marginMs + CONTRACT_LIFETIME.retentionMs + 50;

export const OUTCOME_CONTRACT: readonly ContractCase[] = [
  {
    title: 'answers a commit that arrives again as committed, and does not apply it again',
    run: async (session) => {
      const key = session.key();
      await session.commits(insert(key, counted('1')));
      const items = [increment(key, [step(1)]), blind(session.key('blind'), write('once'))];
      const address = session.address();
      assert.equal((await session.commit(items, address)).status, 'committed');
      const { version } = await session.item(session.key('blind'));

      const again = await session.commit(items, address);

      assert.equal(again.status, 'committed');
      assert.equal((await session.item(key)).counters, '2');
      assert.equal((await session.item(session.key('blind'))).version, version);
    },
  },
  {
    title: 'answers a commit that arrives again as committed, though its items have moved on',
    run: async (session) => {
      const key = session.key();
      const address = session.address();
      await session.commit([insert(key)], address);
      const later = await session.commits(replace(key, `1.${address.id}`, write('later')));

      const again = await session.commit([insert(key)], address);

      assert.equal(again.status, 'committed');
      assert.equal((await session.item(key)).version, `2.${later}`);
    },
  },
  {
    title: 'applies a commit that is sent twice at the same time once',
    run: async (session) => {
      const key = session.key();
      await session.commits(insert(key, counted('0')));
      const address = session.address();

      const replies = await Promise.all(
        Array.from({ length: 10 }, () => session.commit([increment(key, [step(1)])], address)),
      );

      assert(replies.every(({ status }) => status === 'committed'));
      assert.equal((await session.item(key)).counters, '1');
    },
  },
  {
    title: 'refuses for ever a commit that was fenced before it arrived',
    run: async (session) => {
      const address = session.address();
      assert.equal(await session.store.fence(address, session.until), 'rolled_back');

      const reply = await session.commit([insert(session.key())], address);

      assert.deepEqual(reply, { status: 'rolled_back' });
      assert.equal(await session.read(), undefined);
      assert.equal(await session.store.outcome(address, session.until), 'rolled_back');
      const raw = session.seesRaw ? await session.raw(recordKeyOf(address)) : 'rolled_back|';
      assert(raw?.startsWith('rolled_back|'), raw);
    },
  },
  {
    title: 'says committed to a fence that comes after the commit',
    run: async (session) => {
      const address = session.address();
      await session.commit([insert(session.key())], address);

      assert.equal(await session.store.fence(address, session.until), 'committed');
      assert.equal(await session.store.outcome(address, session.until), 'committed');
      await session.item();
    },
  },
  {
    title: 'answers a second fence like the first',
    run: async (session) => {
      const address = session.address();

      assert.equal(await session.store.fence(address, session.until), 'rolled_back');
      assert.equal(await session.store.fence(address, session.until), 'rolled_back');
    },
  },
  {
    title: 'decides between a commit and a fence at the same time once, and says so to both',
    oneStep: true,
    run: async (session) => {
      for (let round = 0; round < 20; round++) {
        const key = session.key(`race-${round}`);
        const address = session.address();
        const commit = () => session.commit([insert(key)], address);
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
      }
    },
  },
  {
    title:
      'knows nothing decided of a transaction before its deadline, and changes nothing by saying so',
    run: async (session) => {
      const address = session.address();

      await session.assertUndecided(address);

      assert.equal((await session.commit([insert(session.key())], address)).status, 'committed');
    },
  },
  {
    title: 'fences a transaction between its deadline and the margin',
    run: async (session) => {
      const address = session.address(-50);

      assert.equal(await session.store.fence(address, session.until), 'rolled_back');
    },
  },
  {
    title:
      'concludes nothing when the margin is over: a fence says forgotten, the outcome is expired',
    run: async (session) => {
      const address = session.address(-FORGOTTEN_MS);

      assert.equal(await session.store.fence(address, session.until), 'forgotten');
      assert.equal(await session.store.outcome(address, session.until), 'expired');
      if (session.seesRaw) assert.equal(await session.raw(recordKeyOf(address)), undefined);
    },
  },
  {
    title: 'keeps a record for margin and retention after the deadline, then forgets it',
    run: async (session) => {
      const committed = session.address(1000);
      const fenced = session.address(1000);
      await session.commit([insert(session.key())], committed);
      await session.store.fence(fenced, session.until);
      const outcomes = () =>
        Promise.all(
          [committed, fenced].map((address) => session.store.outcome(address, session.until)),
        );
      assert.deepEqual(await outcomes(), ['committed', 'rolled_back']);

      await session.passing(1000 + EXPIRED_MS, async () =>
        (await outcomes()).every((outcome) => outcome === 'expired'),
      );

      const late = Math.ceil(session.store.toNodeTime(session.clock.now()));
      assert(late >= committed.deadlineAtMs + CONTRACT_LIFETIME.marginMs);
      await session.item();
    },
  },
  {
    title: 'refuses a commit that arrives when its record is forgotten',
    run: async (session) => {
      const address = session.address(-EXPIRED_MS);

      const reply = await session.commit([insert(session.key())], address);

      assert.equal(reply.status, 'deadline');
      assert.equal(await session.read(), undefined);
    },
  },
];
