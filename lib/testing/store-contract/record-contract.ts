import assert from 'node:assert/strict';
import { printLock } from '../../store/lock.js';
import { printAddress, recordKeyOf } from '../../store/transaction-address.js';
import type { CommitItem, HeldItem, OnePhaseReply } from '../../store/versioned-store.js';
import {
  CONTRACT_LIFETIME,
  counted,
  held,
  increment,
  insert,
  step,
  write,
  type ContractCase,
  type ContractSession,
} from './contract-session.js';

const UNPENDING = { decider: undefined, branches: [] };
const EXPIRED_MS = CONTRACT_LIFETIME.marginMs + CONTRACT_LIFETIME.retentionMs + 50;

/** Something of every kind that may be left to do elsewhere. */
function redoOf(session: ContractSession): readonly HeldItem[] {
  const head = (lock: string) => `3.writer*${lock}`;
  const lock = printLock({
    address: session.address(),
    marked: true,
    expiresAtMs: 1_767_225_600_000,
  });
  const [a, b, c, d, e] = ['a', 'b"\\', 'c', 'd|', 'e😀'].map((name) => session.key(name)) as [
    string,
    string,
    string,
    string,
    string,
  ];
  const steps = [step(-2, { index: 1, min: 0 }), step(3, { max: 9 }), step(1)];
  return [
    { key: a, held: head(lock), change: write('{"a":"|\\u0000"}', { counters: '1,-2' }) },
    { key: b, held: head(lock), change: write('', { ttlMs: 1000 }) },
    { key: c, held: `0.1767225600000000*${lock}`, change: { kind: 'delete' } },
    {
      key: d,
      held: head(lock),
      change: { kind: 'increment', increments: steps, ttlMs: undefined },
    },
    { key: e, held: head(lock), change: { kind: 'increment', increments: steps, ttlMs: 1000 } },
  ];
}

async function commitWithRedo(
  session: ContractSession,
  items: readonly CommitItem[],
  redo: readonly HeldItem[],
  address = session.address(),
): Promise<OnePhaseReply> {
  const commit = { ...session.commitOf(session.beside(items), address), redo };
  return session.store.commitOnePhase(commit, session.until);
}

export const RECORD_CONTRACT: readonly ContractCase[] = [
  {
    title: 'refuses to decide what was fenced, and leaves the locks to be released',
    run: async (session) => {
      const address = session.address();
      const holding = await session.holds(address, insert(session.key()));
      await session.store.fence(address, session.until);

      const reply = await commitWithRedo(session, holding.map(held), [], address);

      assert.deepEqual(reply, { status: 'rolled_back' });
      assert.equal((await session.item()).lock, printAddress(address));
      const record = await session.store.record(address, session.until);
      assert.deepEqual(record, { ...UNPENDING, status: 'rolled_back', redo: [] });
    },
  },
  {
    title: 'answers a decision that arrives again as committed, and changes nothing by it',
    oneStep: true,
    run: async (session) => {
      await session.commits(insert(session.key(), counted('1')));
      const address = session.address();
      const holding = await session.holds(address, increment(session.key(), [step(1)]));
      const redo = redoOf(session);
      await commitWithRedo(session, holding.map(held), redo, address);

      const again = await commitWithRedo(session, holding.map(held), [], address);

      assert.equal(again.status, 'committed');
      assert.equal((await session.item()).counters, '2');
      const record = await session.store.record(address, session.until);
      assert.deepEqual(record, { ...UNPENDING, status: 'committed', redo });
    },
  },
  {
    title: 'tells from the record what is left to do, and nothing where there is none',
    oneStep: true,
    run: async (session) => {
      const [plain, decided, none] = [session.address(), session.address(), session.address()];
      await session.commit([insert(session.key())], plain);
      const redo = redoOf(session);
      await commitWithRedo(session, [insert(session.key('beside'))], redo, decided);

      const records = [plain, decided, none].map((address) =>
        session.store.record(address, session.until),
      );

      assert.deepEqual(await Promise.all(records), [
        { ...UNPENDING, status: 'committed', redo: [] },
        { ...UNPENDING, status: 'committed', redo },
        undefined,
      ]);
      const raw = session.seesRaw ? await session.raw(recordKeyOf(decided)) : undefined;
      if (raw === undefined) return;
      const members = JSON.parse(raw.slice(raw.indexOf('|') + 1)) as Record<string, unknown>;
      assert.deepEqual(Object.keys(members), ['decidedAt', 'name', 'redo']);
    },
  },
  {
    title:
      'keeps a record with something left to do until it is retired, and like any other from then on',
    run: async (session) => {
      const [decided, witness] = [session.address(1000), session.address(1000)];
      await commitWithRedo(session, [insert(session.key())], redoOf(session), decided);
      await session.commit([insert(session.key('witness'))], witness);
      const outcomeOf = (address: typeof decided) => session.store.outcome(address, session.until);
      await session.passing(
        1000 + EXPIRED_MS,
        async () => (await outcomeOf(witness)) === 'expired',
      );
      assert.equal(await outcomeOf(decided), 'committed');

      await session.store.retire(decided, session.until);

      assert.equal(await outcomeOf(decided), 'committed');
      await session.passing(EXPIRED_MS, async () => (await outcomeOf(decided)) === 'expired');
      assert.equal(await session.store.record(decided, session.until), undefined);
    },
  },
  {
    title: 'keeps a retired record for margin and retention after its deadline',
    run: async (session) => {
      const [decided, witness] = [session.address(2500), session.address(1000)];
      await commitWithRedo(session, [insert(session.key())], redoOf(session), decided);
      await session.commit([insert(session.key('witness'))], witness);
      await session.store.retire(decided, session.until);
      await session.store.retire(decided, session.until);
      const outcomeOf = (address: typeof decided) => session.store.outcome(address, session.until);

      await session.passing(
        1000 + EXPIRED_MS,
        async () => (await outcomeOf(witness)) === 'expired',
      );

      assert.equal(await outcomeOf(decided), 'committed');
    },
  },
  {
    title: 'retires a record that does not stand without making one',
    run: async (session) => {
      const address = session.address();

      await session.store.retire(address, session.until);

      await session.assertUndecided(address);
      assert.equal(await session.store.record(address, session.until), undefined);
    },
  },
];
