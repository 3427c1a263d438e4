import assert from 'node:assert/strict';
import type { CounterIncrement } from '../../store/versioned-store.js';
import {
  counted,
  increment,
  insert,
  step,
  write,
  type ContractCase,
  type ContractSession,
} from './contract-session.js';

const MAX = Number.MAX_SAFE_INTEGER;

interface Grid {
  readonly title: string;
  readonly stands: string;
  readonly steps: readonly CounterIncrement[];
  /** The counters afterwards, or which increment is refused for which value. */
  readonly leaves: string | { readonly increment: number; readonly value: number };
}

const GRID: readonly Grid[] = [
  { title: 'adds to one counter', stands: '5', steps: [step(2)], leaves: '7' },
  { title: 'subtracts', stands: '5', steps: [step(-7)], leaves: '-2' },
  { title: 'adds nothing', stands: '5', steps: [step(0)], leaves: '5' },
  {
    title: 'adds to several counters of one item',
    stands: '1,-2,3',
    steps: [step(10, { index: 2 }), step(20, { index: 0 })],
    leaves: '21,-2,13',
  },
  {
    title: 'adds several times to one counter',
    stands: '1',
    steps: [step(1), step(2), step(3)],
    leaves: '7',
  },
  { title: 'reaches its lower bound', stands: '5', steps: [step(-5, { min: 0 })], leaves: '0' },
  { title: 'reaches its upper bound', stands: '5', steps: [step(5, { max: 10 })], leaves: '10' },
  {
    title: 'is refused below its lower bound',
    stands: '5',
    steps: [step(-6, { min: 0 })],
    leaves: { increment: 0, value: 5 },
  },
  {
    title: 'is refused above its upper bound',
    stands: '-5',
    steps: [step(6, { max: 0 })],
    leaves: { increment: 0, value: -5 },
  },
  {
    title: 'meets negative bounds',
    stands: '-5',
    steps: [step(-1, { min: -6, max: -5 })],
    leaves: '-6',
  },
  {
    title: 'checks bounds step by step, each for the value it meets',
    stands: '5',
    steps: [step(-4, { min: 0 }), step(-2, { min: 0 })],
    leaves: { increment: 1, value: 1 },
  },
  {
    title: 'is refused where a bound is broken on the way, though the sum would hold',
    stands: '5',
    steps: [step(-6, { min: 0 }), step(6)],
    leaves: { increment: 0, value: 5 },
  },
  {
    title: 'reaches the largest integer',
    stands: `${MAX - 1}`,
    steps: [step(1)],
    leaves: `${MAX}`,
  },
  {
    title: 'is refused above the largest safe integer',
    stands: `${MAX}`,
    steps: [step(1)],
    leaves: { increment: 0, value: MAX },
  },
  {
    title: 'is refused below the smallest safe integer',
    stands: `${-MAX}`,
    steps: [step(-1)],
    leaves: { increment: 0, value: -MAX },
  },
  {
    title: 'is refused far beyond the safe integers',
    stands: `${MAX}`,
    steps: [step(MAX)],
    leaves: { increment: 0, value: MAX },
  },
  {
    title: 'crosses the range',
    stands: `${-MAX}`,
    steps: [step(MAX), step(MAX)],
    leaves: `${MAX}`,
  },
];

async function check(session: ContractSession, { stands, steps, leaves }: Grid): Promise<void> {
  const key = session.key();
  const payload = '{"a":"1,2|3"}';
  const before = await session.commits(insert(key, write(payload, { counters: stands })));
  const address = session.address();

  const reply = await session.commit([increment(key, steps)], address);

  const item = await session.item();
  assert.equal(item.payload, payload);
  if (typeof leaves === 'string') {
    assert.equal(reply.status, 'committed');
    assert.deepEqual([item.version, item.counters], [`2.${address.id}`, leaves]);
  } else {
    assert.deepEqual(reply, { status: 'bound', index: 0, ...leaves });
    assert.deepEqual([item.version, item.counters], [`1.${before}`, stands]);
    await session.assertUndecided(address);
  }
}

export const INCREMENT_CONTRACT: readonly ContractCase[] = [
  ...GRID.map((row) => ({
    title: `an increment ${row.title}`,
    run: (session: ContractSession) => check(session, row),
  })),
  {
    title: 'an increment tells the count of commits it made',
    run: async (session) => {
      await session.commits(insert(session.key(), counted('1')));

      const reply = await session.commit([increment(session.key(), [step(1), step(1)])]);

      assert.deepEqual(reply, { status: 'committed', commitCounts: new Map([[0, 2]]) });
    },
  },
  {
    title: 'an increment of an absent item is refused',
    run: async (session) => {
      const other = session.key('other');
      const address = session.address();

      const reply = await session.commit(
        [insert(other), increment(session.key(), [step(1)])],
        address,
      );

      assert.deepEqual(reply, { status: 'absent', index: 1 });
      assert.equal(await session.read(other), undefined);
      await session.assertUndecided(address);
    },
  },
  {
    title: 'an increment of a counter that the stored item lacks is refused',
    run: async (session) => {
      for (const stands of ['', '1']) {
        const key = session.key(`stands-${stands}`);
        await session.commits(insert(key, counted(stands)));
        const index = stands === '' ? 0 : 1;

        const reply = await session.commit([increment(key, [step(1, { index })])]);

        assert.deepEqual(reply, { status: 'counters', index: 0 });
        assert.equal((await session.item(key)).counters, stands);
      }
    },
  },
  {
    title: 'increments of many transactions at once do not conflict, and none is lost',
    run: async (session) => {
      const key = session.key();
      await session.commits(insert(key, counted('0')));

      const replies = await Promise.all(
        Array.from({ length: 100 }, () => session.commit([increment(key, [step(1)])])),
      );

      assert(replies.every(({ status }) => status === 'committed'));
      const { counters, version } = await session.item();
      assert.equal(counters, '100');
      assert.equal(Number.parseInt(version, 10), 101);
    },
  },
  {
    title: 'increments with a bound sell exactly what there is',
    run: async (session) => {
      const key = session.key();
      await session.commits(insert(key, counted('7')));

      const replies = await Promise.all(
        Array.from({ length: 20 }, () => session.commit([increment(key, [step(-1, { min: 0 })])])),
      );

      const sold = replies.filter(({ status }) => status === 'committed').length;
      const refused = replies.filter(({ status }) => status === 'bound').length;
      assert.deepEqual([sold, refused], [7, 13]);
      assert.equal((await session.item()).counters, '0');
    },
  },
];
