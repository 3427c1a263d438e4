import type { TxRepository } from '../../lib/repository/tx-repository.js';
import type { CrashScenario } from './crash-scenario.js';
import { NODE_LETTERS, type Purse } from './spread-entities.js';

/** The record lies with the first of these that is written. */
const [a, b, c, d] = NODE_LETTERS as [string, string, string, string];

function purse(id: string): Purse {
  return { id, balance: 100, points: 10 };
}

async function add(purses: TxRepository<Purse>, id: string, amount: number): Promise<void> {
  const { balance, points } = await purses.findOneOrFail(id);
  await purses.save({ id, balance: balance + amount, points });
}

const transfer: CrashScenario = {
  title: 'a transfer over two nodes',
  before: [a, b].map(purse),
  ids: [a, b],
  async work(purses) {
    await add(purses, a, -1);
    await add(purses, b, 1);
  },
};

const threeNodes: CrashScenario = {
  title: 'a transfer over three nodes, with two items of one',
  before: [a, b, `${b}2`, c].map(purse),
  ids: [a, b, `${b}2`, c],
  async work(purses) {
    for (const id of [a, b, `${b}2`]) await add(purses, id, -1);
    await add(purses, c, 3);
  },
};

const readElsewhere: CrashScenario = {
  title: 'a transfer that depends on items that are only read, beside the record and elsewhere',
  before: [a, `${a}2`, b, c, d].map(purse),
  ids: [a, `${a}2`, b, c, d, `${d}none`],
  async work(purses) {
    for (const id of [`${a}2`, c, d, `${d}none`]) await purses.findOne(id);
    await add(purses, a, -1);
    await add(purses, b, 1);
  },
};

const blind: CrashScenario = {
  title: 'blind writes, increments, inserts and removals',
  before: [a, `${a}2`, b, `${b}2`, d].map(purse),
  ids: [a, `${a}2`, `${a}new`, b, `${b}2`, c, d],
  async work(purses) {
    await purses.save({ id: a, balance: 1, points: 1 });
    await purses.increment(`${a}2`, 'points', 2, { max: 50 });
    await purses.insert({ id: `${a}new`, balance: 2, points: 2 });
    await purses.increment(b, 'points', -3, { min: 0 });
    await purses.save({ id: `${b}2`, balance: 3, points: 3 });
    await purses.insert({ id: c, balance: 4, points: 4 });
    await purses.findOneOrFail(d);
    await purses.delete(d);
  },
};

const blindBehindLocks: CrashScenario = {
  ...blind,
  title: 'the same, with an item elsewhere that is only read',
  before: [...blind.before, purse(`${d}2`)],
  ids: [...blind.ids, `${d}2`],
  async work(purses, transaction) {
    await purses.findOneOrFail(`${d}2`);
    await blind.work(purses, transaction, {});
  },
};

const announced: CrashScenario = {
  title: 'a transfer whose record lies with an item that is only read',
  before: [a, b, d].map(purse),
  ids: [a, b, d],
  async work(purses, transaction) {
    await purses.findOneOrFail(d);
    // Whoever asks for the address fixes where the record lies.
    if (transaction.address === '') throw new Error('There is no address.');
    await add(purses, a, -1);
    await add(purses, b, 1);
  },
};

/** Everything else is read and written by the work of the other scenario. */
function holding(ids: readonly string[], scenario: CrashScenario): CrashScenario {
  return {
    ...scenario,
    title: `${scenario.title}, some of it held before`,
    before: scenario.before,
    async work(purses, transaction, databases) {
      for (const id of ids) await purses.findOneForUpdate(id);
      await scenario.work(purses, transaction, databases);
    },
  };
}

const oneNode: CrashScenario = {
  title: 'a transfer on one node',
  before: [a, `${a}2`, `${a}3`].map(purse),
  ids: [a, `${a}2`, `${a}3`],
  async work(purses) {
    await purses.findOneOrFail(`${a}3`);
    await add(purses, a, -1);
    await add(purses, `${a}2`, 1);
  },
};

const mostlyRead: CrashScenario = {
  title: 'reads and one write',
  before: [a, b, c].map(purse),
  ids: [a, b, c],
  async work(purses) {
    for (const id of [a, b]) await purses.findOneOrFail(id);
    await add(purses, c, 1);
  },
};

/** Transactions that hold items before they commit. */
const HOLDING: readonly CrashScenario[] = [
  holding([a, `${a}3`], oneNode),
  holding([b], oneNode),
  holding([a, b], transfer),
  holding([`${a}2`, b, `${d}none`], readElsewhere),
  holding([a, `${a}2`, b, `${a}new`, c, d], blind),
  holding([`${d}2`, b], blindBehindLocks),
  holding([a, b], mostlyRead),
];

const DECIDES = { decides: true, prepares: false };
const PREPARES = { decides: false, prepares: true };
const BOTH = { decides: true, prepares: true };

const withDecider: CrashScenario = {
  ...transfer,
  title: 'a transfer over two nodes that a database decides',
  databases: { orders: DECIDES },
  async work(purses, transaction, { orders }) {
    await transfer.work(purses, transaction, {});
    orders!.add('order', 1);
  },
};

const withDeciderAndReads: CrashScenario = {
  ...blindBehindLocks,
  title: 'blind writes that depend on an item, which a database decides',
  databases: { orders: BOTH },
  async work(purses, transaction, { orders }) {
    orders!.add('order', 1);
    await blindBehindLocks.work(purses, transaction, {});
  },
};

const withTwoDatabases: CrashScenario = {
  ...transfer,
  title: 'a transfer over two nodes with two databases, of which one decides and one is prepared',
  databases: { orders: BOTH, stock: PREPARES },
  async work(purses, transaction, { orders, stock }) {
    stock!.add('item', -1);
    orders!.add('order', 1);
    await transfer.work(purses, transaction, {});
  },
};

const withPrepared: CrashScenario = {
  ...readElsewhere,
  title: 'a transfer that depends on items elsewhere, with two databases that are prepared',
  databases: { orders: PREPARES, stock: PREPARES },
  async work(purses, transaction, { orders, stock }) {
    stock!.add('item', -1);
    orders!.add('order', 1);
    await readElsewhere.work(purses, transaction, {});
  },
};

const databasesAlone: CrashScenario = {
  title: 'two databases without any item',
  before: [],
  ids: [],
  databases: { orders: DECIDES, stock: PREPARES },
  async work(_, __, { orders, stock }) {
    stock!.add('item', -1);
    orders!.add('order', 1);
  },
};

/** Transactions in which others take part than the cache. */
export const PARTICIPANT_SCENARIOS: readonly CrashScenario[] = [
  withDecider,
  withDeciderAndReads,
  withTwoDatabases,
  withPrepared,
  databasesAlone,
  { ...withTwoDatabases, title: `${withTwoDatabases.title}, while another reads`, observed: true },
  holding([b, c], withDecider),
  holding([a, c], withPrepared),
];

export const CRASH_SCENARIOS: readonly CrashScenario[] = [
  transfer,
  threeNodes,
  readElsewhere,
  blind,
  blindBehindLocks,
  announced,
  ...HOLDING,
  ...[threeNodes, readElsewhere, blind, blindBehindLocks, HOLDING[3]!, HOLDING[4]!].map(
    (scenario) => ({
      ...scenario,
      title: `${scenario.title}, while another instance reads`,
      observed: true,
    }),
  ),
];
