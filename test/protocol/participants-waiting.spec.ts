import type { Branch } from '../../lib/participants/branch.js';
import type { Participant } from '../../lib/participants/participant.js';
import { TxEntity } from '../../lib/repository/entity-definition.js';
import { createTestTransactions } from '../../lib/testing/test-transactions.js';

@TxEntity({ name: 'stock', counters: ['left'] })
class Stock {
  id!: string;
  left!: number;
}

/** Decides after a turn of the event loop, as a database does after a while. */
class SlowDecider implements Participant {
  readonly name = 'orders';
  readonly capabilities = { decides: true, prepares: false };
  readonly decided: Branch[] = [];

  async decide(branch: Branch): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.decided.push(branch);
  }

  fence = (): Promise<'rolled_back'> => Promise.resolve('rolled_back');
  prepare = (): Promise<void> => Promise.resolve();
  commit = (): Promise<void> => Promise.resolve();
  rollback = (): Promise<void> => Promise.resolve();
}

describe('an item that many change in transactions with a database', () => {
  const participant = new SlowDecider();
  const transactions = createTestTransactions({ participants: [participant] });
  const { manager } = transactions;
  const stock = transactions.repository(Stock);

  beforeEach(() => stock.save({ id: 'item', left: 50 }));

  it('is waited for, so that nobody has to begin anew', async () => {
    let attempts = 0;
    const buy = (): Promise<void> =>
      manager.run(async () => {
        attempts++;
        manager.current()!.enlist(participant);
        await stock.increment('item', 'left', -1, { min: 0 });
      });

    const calls = await Promise.allSettled(Array.from({ length: 60 }, buy));

    const refused = calls.filter(({ status }) => status === 'rejected');
    expect([refused.length, (await stock.findOneOrFail('item')).left]).toEqual([10, 0]);
    expect(attempts).toBe(60);
    expect(participant.decided).toHaveLength(50);
  });

  it('is not waited for by who has seen it, since it will be another one', async () => {
    let attempts = 0;
    const change = (): Promise<unknown> =>
      manager.run(async () => {
        attempts++;
        manager.current()!.enlist(participant);
        const { left } = await stock.findOneOrFail('item');
        await stock.save({ id: 'item', left: left - 1 });
      });

    await Promise.all([change(), change()]);

    expect((await stock.findOneOrFail('item')).left).toBe(48);
    expect(attempts).toBeGreaterThan(2);
  });
});
