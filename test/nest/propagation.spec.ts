import { Logger } from '@nestjs/common';
import {
  Propagation,
  Transactional,
  TransactionNotAllowedError,
  TransactionRequiredError,
  TransactionRolledBackError,
  type Transaction,
  type TransactionManager,
} from '../../lib/index.js';
import { Tally } from './support/counting-entities.js';
import { embeddedRuntime } from './support/plain-runtime.js';

const { manager, tallies } = embeddedRuntime();

/** One method for each mode: what it saw, and a write that tells whose transaction it was. */
class Modes {
  constructor(
    private readonly transactions: TransactionManager,
    private readonly work: () => Promise<void>,
  ) {}

  @Transactional({ propagation: Propagation.REQUIRED })
  REQUIRED(): Promise<Transaction | undefined> {
    return this.#do();
  }

  @Transactional({ propagation: Propagation.REQUIRES_NEW })
  REQUIRES_NEW(): Promise<Transaction | undefined> {
    return this.#do();
  }

  @Transactional({ propagation: Propagation.SUPPORTS })
  SUPPORTS(): Promise<Transaction | undefined> {
    return this.#do();
  }

  @Transactional({ propagation: Propagation.MANDATORY })
  MANDATORY(): Promise<Transaction | undefined> {
    return this.#do();
  }

  @Transactional({ propagation: Propagation.NOT_SUPPORTED })
  NOT_SUPPORTED(): Promise<Transaction | undefined> {
    return this.#do();
  }

  @Transactional({ propagation: Propagation.NEVER })
  NEVER(): Promise<Transaction | undefined> {
    return this.#do();
  }

  @Transactional({ propagation: Propagation.NESTED })
  NESTED(): Promise<Transaction | undefined> {
    return this.#do();
  }

  async #do(): Promise<Transaction | undefined> {
    const seen = this.transactions.current();
    await this.work();
    return seen;
  }
}

beforeAll(() => Logger.overrideLogger(false));
afterAll(() => Logger.overrideLogger(true));

let drawn = 0;
let id = '';
beforeEach(() => (id = `t${++drawn}`));

const write = async (): Promise<void> => void (await tallies.save({ id, total: 1, by: 'inner' }));
const modes = manager.bind(new Modes(manager, write));
const failing = manager.bind(
  new Modes(manager, async () => {
    await write();
    throw new RangeError('inner');
  }),
);

type Mode = keyof Modes;
/** Whose transaction the method runs in: its own, the outer one, or none. */
type Whose = 'its own' | 'the outer' | 'no';

interface Cell {
  readonly mode: Mode;
  readonly whose: Whose;
}

function whose(seen: Transaction | undefined, outer?: Transaction): Whose {
  if (seen === undefined) return 'no';
  return seen === outer ? 'the outer' : 'its own';
}

function exists(): Promise<boolean> {
  return tallies.exists(id);
}

describe('Outside of a transaction', () => {
  it.each<Cell>([
    { mode: 'REQUIRED', whose: 'its own' },
    { mode: 'REQUIRES_NEW', whose: 'its own' },
    { mode: 'SUPPORTS', whose: 'no' },
    { mode: 'NOT_SUPPORTED', whose: 'no' },
    { mode: 'NEVER', whose: 'no' },
    { mode: 'NESTED', whose: 'its own' },
  ])('$mode runs in $whose transaction, and its write stays', async (cell) => {
    expect(whose(await modes[cell.mode]())).toBe(cell.whose);
    expect(await exists()).toBe(true);
  });

  it('MANDATORY is refused before the method runs', async () => {
    await expect(modes.MANDATORY()).rejects.toThrow(TransactionRequiredError);
    expect(await exists()).toBe(false);
  });

  it.each<{ mode: Mode; stays: boolean }>([
    { mode: 'REQUIRED', stays: false },
    { mode: 'REQUIRES_NEW', stays: false },
    { mode: 'SUPPORTS', stays: true },
    { mode: 'NOT_SUPPORTED', stays: true },
    { mode: 'NEVER', stays: true },
    { mode: 'NESTED', stays: false },
  ])('a write of $mode before its failure stays: $stays', async ({ mode, stays }) => {
    await expect(failing[mode]()).rejects.toThrow(RangeError);
    expect(await exists()).toBe(stays);
  });
});

describe('Inside a transaction', () => {
  it.each<Cell>([
    { mode: 'REQUIRED', whose: 'the outer' },
    { mode: 'REQUIRES_NEW', whose: 'its own' },
    { mode: 'SUPPORTS', whose: 'the outer' },
    { mode: 'MANDATORY', whose: 'the outer' },
    { mode: 'NOT_SUPPORTED', whose: 'no' },
    { mode: 'NESTED', whose: 'the outer' },
  ])('$mode runs in $whose transaction', async (cell) => {
    await manager.run(async () => {
      const outer = manager.current();
      expect(whose(await modes[cell.mode](), outer)).toBe(cell.whose);
      expect(manager.current()).toBe(outer);
    });
    expect(await exists()).toBe(true);
  });

  it('NEVER is refused before the method runs', async () => {
    await manager.run(async () => {
      await expect(modes.NEVER()).rejects.toThrow(TransactionNotAllowedError);
    });
    expect(await exists()).toBe(false);
  });

  it.each<{ mode: Mode; stays: boolean }>([
    { mode: 'REQUIRED', stays: false },
    { mode: 'REQUIRES_NEW', stays: true },
    { mode: 'SUPPORTS', stays: false },
    { mode: 'MANDATORY', stays: false },
    { mode: 'NOT_SUPPORTED', stays: true },
    { mode: 'NESTED', stays: false },
  ])('the write of $mode stays when the outer one fails: $stays', async ({ mode, stays }) => {
    const outer = manager.run(async () => {
      await modes[mode]();
      throw new TypeError('outer');
    });
    await expect(outer).rejects.toThrow(TypeError);
    expect(await exists()).toBe(stays);
  });

  it.each<{ mode: Mode; fate: 'commits' | 'is rolled back' }>([
    { mode: 'REQUIRED', fate: 'is rolled back' },
    { mode: 'REQUIRES_NEW', fate: 'commits' },
    { mode: 'SUPPORTS', fate: 'is rolled back' },
    { mode: 'MANDATORY', fate: 'is rolled back' },
    { mode: 'NOT_SUPPORTED', fate: 'commits' },
    { mode: 'NESTED', fate: 'commits' },
  ])('the outer one $fate after a failure of $mode that it swallows', async ({ mode, fate }) => {
    const other = `${id}-outer`;
    const outer = manager.run(async () => {
      await tallies.save({ id: other, total: 1, by: 'outer' });
      await failing[mode]().catch(() => undefined);
    });
    const error = await outer.catch((thrown: unknown) => thrown);
    expect(error instanceof TransactionRolledBackError).toBe(fate === 'is rolled back');
    expect(await tallies.exists(other)).toBe(fate === 'commits');
    expect(await exists()).toBe(mode === 'NOT_SUPPORTED');
  });

  it('TransactionRolledBackError names the swallowed error as its cause', async () => {
    const outer = manager.run(async () => void (await failing.REQUIRED().catch(() => undefined)));
    await expect(outer).rejects.toMatchObject({ cause: expect.any(RangeError) });
  });

  it('a failed NESTED inside of a NESTED takes back its own writes only', async () => {
    const middle = `${id}-middle`;
    await manager.run(() =>
      manager.run(
        async () => {
          await tallies.save({ id: middle, total: 1, by: 'middle' });
          await failing.NESTED().catch(() => undefined);
        },
        { propagation: 'NESTED' },
      ),
    );
    expect(await tallies.exists(middle)).toBe(true);
    expect(await exists()).toBe(false);
  });

  it('a failed NESTED keeps its reads: what it saw is validated', async () => {
    await tallies.insert({ id, total: 0, by: 'setup' });
    let attempts = 0;
    await manager.run(async () => {
      attempts += 1;
      const read = manager.run(
        async () => {
          await tallies.findOne(id);
          throw new RangeError('after the read');
        },
        { propagation: 'NESTED' },
      );
      await read.catch(() => undefined);
      if (attempts === 1) await changeFromOutside();
      await tallies.save({ id: `${id}-result`, total: attempts, by: 'outer' });
    });
    expect(attempts).toBe(2);
  });

  it('onCommit of a joined method waits for the outer one, and runs outside of it', async () => {
    const seen: [string, unknown, boolean][] = [];
    const note = async (what: string): Promise<void> =>
      void seen.push([what, manager.current(), await exists()]);
    await manager.run(async () => {
      await manager.run(async () => {
        await write();
        manager.current()?.onCommit(() => note('hook'));
      });
      await note('after the inner one');
    });
    expect(seen).toEqual([
      ['after the inner one', expect.objectContaining({ status: 'committed' }), true],
      ['hook', undefined, true],
    ]);
  });

  it('onCommit of a REQUIRES_NEW runs in the outer one, which it may still write to', async () => {
    const log = `${id}-log`;
    await manager.run(async () => {
      const outer = manager.current();
      await manager.run(
        async () => {
          await write();
          manager.current()?.onCommit(async () => {
            expect(manager.current()).toBe(outer);
            await tallies.save({ id: log, total: 1, by: 'hook' });
          });
        },
        { propagation: 'REQUIRES_NEW' },
      );
    });
    expect(await tallies.exists(log)).toBe(true);
  });

  function changeFromOutside(): Promise<Tally> {
    return manager.run(() => tallies.save({ id, total: 9, by: 'somebody else' }), {
      propagation: 'REQUIRES_NEW',
    });
  }
});
