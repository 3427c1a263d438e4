import { StoreUnavailableError, TransactionTimeoutError } from '../../lib/errors/index.js';
import { printAddress } from '../../lib/store/transaction-address.js';
import type { Transaction } from '../../lib/transaction/transaction.js';
import { NodeGroup, TIMEOUT_MS, type GroupMember } from '../support/node-group.js';
import { errorOf } from '../support/outcome.js';
import { NODE_LETTERS, Purse, purseKey } from '../support/spread-entities.js';

const [a, b] = NODE_LETTERS as [string, string];

let group: NodeGroup;
let member: GroupMember;

beforeEach(async () => {
  group = new NodeGroup();
  member = await group.join();
});

afterEach(async () => {
  await group.close();
});

async function saveBoth(onBegin: (transaction: Transaction) => void = () => undefined) {
  const { manager } = member.runtime;
  const purses = member.runtime.repository(Purse);
  await group.drive(
    manager.run(
      async () => {
        onBegin(manager.current()!);
        for (const id of [a, b]) await purses.save({ id, balance: 1, points: 1 });
      },
      { retry: { attempts: 3 } },
    ),
  );
}

const balances = async () => {
  const purses = member.runtime.repository(Purse);
  const found = await group.drive(purses.findMany([a, b]));
  return found.map((purse) => purse?.balance);
};

describe('the caller of a commit over several nodes', () => {
  it('is told the address that is decided, asked while it is prepared and after it', async () => {
    const addresses: string[] = [];
    let transaction: Transaction | undefined;
    let offsetMs = 0;
    const toNodeTime = group.store.toNodeTime.bind(group.store);
    // The clock of a node that is measured again gives another deadline.
    group.store.toNodeTime = (localMs) => toNodeTime(localMs) + offsetMs++;
    member.store.before = ({ method }) => {
      if (method === 'prepare') addresses.push(transaction!.address);
    };
    await saveBoth((current) => (transaction = current));
    addresses.push(transaction!.address, printAddress(member.store.decided[0]!));

    expect(new Set(addresses).size).toBe(1);
  });

  it.each(['reply-lost', 'late', 'not-sent'] as const)(
    'is told that nothing was written where a node never answers the first phase: %s',
    async (kind) => {
      member.store.faultOf = ({ method }) => (method === 'prepare' ? { kind } : undefined);

      const error: unknown = await saveBoth().catch((reason: unknown) => reason);

      expect(error).toBeInstanceOf(StoreUnavailableError);
      expect(String(error)).toContain(
        'rolled back. Nothing was written; the call may be made again',
      );
      await member.store.deliverLate();
      await group.clock.advance(2 * TIMEOUT_MS);
      expect(await balances()).toEqual([undefined, undefined]);
    },
  );

  it('leaves no note behind, though one comes after everything is over', async () => {
    member.store.faultOf = ({ method, nth }) =>
      method === 'journal.enter' && nth === 1 ? { kind: 'late' } : undefined;
    await saveBoth();
    await group.clock.advance(50);
    await member.store.deliverLate();
    const notes = async () => {
      const [instance] = member.store.instances;
      return (await group.store.journal.entries(instance!, { most: 10 }, Infinity)).entries;
    };
    expect(await notes()).toHaveLength(1);

    await group.clock.advance(3 * TIMEOUT_MS);

    expect(await notes()).toEqual([]);
    expect(await balances()).toEqual([1, 1]);
  });

  it.each([-3_600_000, -2000, 3_600_000])(
    'loses no commit to a node whose clock is other than thought by %i ms',
    async (jumpMs) => {
      let isMeasured = false;
      const toNodeTime = group.store.toNodeTime.bind(group.store);
      group.store.toNodeTime = (localMs) => toNodeTime(localMs) + (isMeasured ? 0 : jumpMs);
      const decide = group.store.commitOnePhase.bind(group.store);
      const replies: string[] = [];
      group.store.commitOnePhase = async (commit, until) => {
        const reply = await decide(commit, until);
        replies.push(reply.status);
        // As a store does that is told the time of a node.
        isMeasured ||= reply.status === 'deadline';
        return reply;
      };
      await saveBoth();

      expect(replies).toEqual(['deadline', 'committed']);
      expect(await balances()).toEqual([1, 1]);
    },
  );

  it.each(['read', 'blind'] as const)(
    'is told that somebody else holds an item, and not that its last writer won: %s',
    async (kind) => {
      const { manager } = member.runtime;
      const purses = member.runtime.repository(Purse);
      await group.drive(purses.insert({ id: a, balance: 1, points: 1 }));
      const key = purseKey(a);
      const deadlineAtMs = group.clock.time() + TIMEOUT_MS;
      const address = { id: 'holder', home: group.store.homeOf([key]), deadlineAtMs };
      const change = { kind: 'delete' } as const;
      const items = [{ key, expected: undefined, change }];
      await group.store.prepare({ address, marked: false, items }, Infinity);

      const work = async (): Promise<void> => {
        if (kind === 'read') await purses.findOneOrFail(a);
        await purses.save({ id: a, balance: 2, points: 1 });
      };
      const options = { retry: { attempts: 1 } };
      const error = await errorOf(group.drive(manager.run(work, options)));

      expect(error).toMatchObject({ name: 'TransactionConflictError', winner: undefined });
      expect(error.message).toContain('another transaction holds it, whose outcome is not decided');
      expect(error.message).not.toContain('written by');
    },
  );

  it('is told that time is over where a node is silent until then', async () => {
    let answer = (): void => undefined;
    const silence = new Promise<void>((resolve) => (answer = resolve));
    member.store.before = ({ method }) => (method === 'prepare' ? silence : undefined);

    const error: unknown = await saveBoth().catch((reason: unknown) => reason);
    answer();
    await group.clock.advance(TIMEOUT_MS);

    expect(error).toBeInstanceOf(TransactionTimeoutError);
    expect(await balances()).toEqual([undefined, undefined]);
  });
});
