import { EmbeddedTurnKeeper } from '../store/embedded/embedded-turn-keeper.js';
import type { TurnKeeper } from '../store/turn-keeper.js';
import { ManualClock } from '../testing/manual-clock.js';
import { ProcessTurn, type TurnUser } from './process-turn.js';

/** A process that wants the turn, and uses it, as a test says. */
class Process implements TurnUser {
  wantsTurn = false;
  usesTurn = false;
  readonly turn: ProcessTurn;
  /** When it was told to go on, and whether others may have had the turn in between. */
  readonly told: [atMs: number, isNew: boolean][] = [];

  constructor(
    readonly clock: ManualClock,
    name: string,
    keeper: TurnKeeper,
  ) {
    this.turn = new ProcessTurn({ clock, processTag: name, keeper }, this);
  }

  goOn(isNew: boolean): void {
    this.told.push([this.clock.now(), isNew]);
  }

  want(): void {
    this.wantsTurn = true;
    this.turn.want();
  }

  get hasTurn(): boolean {
    return this.turn.allows(false);
  }
}

describe('the turn of a process', () => {
  let clock: ManualClock;
  let keeper: EmbeddedTurnKeeper;
  let one: Process;
  let two: Process;

  beforeEach(() => {
    clock = new ManualClock();
    keeper = new EmbeddedTurnKeeper(clock);
    one = new Process(clock, 'one', keeper);
    two = new Process(clock, 'two', keeper);
  });

  it('comes when it is wanted, and stays while nobody else wants it', async () => {
    expect(one.hasTurn).toBe(false);
    one.want();
    await clock.advance(0);
    expect(one.hasTurn).toBe(true);
    expect(one.told).toEqual([[0, true]]);

    await clock.advance(100);
    expect(one.hasTurn).toBe(true);
    expect(one.told.length).toBeGreaterThan(1);
    expect(one.told.slice(1).every(([, isNew]) => !isNew)).toBe(true);
    expect(one.turn.counts).toEqual({ turns: 1, waitedMs: 0 });
  });

  it('ends when nobody here needs it any more, and then costs nothing', async () => {
    one.want();
    await clock.advance(0);
    one.wantsTurn = false;
    await clock.advance(10);

    expect(one.hasTurn).toBe(false);
    expect(clock.pending).toBe(0);
    two.want();
    await clock.advance(0);
    expect(two.hasTurn).toBe(true);
  });

  it('goes from one to the other and back, and is never that of both', async () => {
    one.want();
    two.want();
    const held = { one: 0, two: 0, both: 0 };
    for (let ms = 0; ms < 300; ms++) {
      await clock.advance(1);
      held.one += Number(one.hasTurn);
      held.two += Number(two.hasTurn);
      held.both += Number(one.hasTurn && two.hasTurn);
    }

    expect(held.both).toBe(0);
    expect(Math.min(held.one, held.two)).toBeGreaterThan(110);
    expect(one.told.every(([, isNew]) => isNew)).toBe(true);
    expect(two.turn.counts.turns).toBeGreaterThan(5);
    expect(two.turn.counts.waitedMs).toBeGreaterThan(100);
  });

  it('is passed on as soon as what is under way has ended, which may go on until then', async () => {
    one.want();
    await clock.advance(0);
    one.usesTurn = true;
    two.want();
    await clock.advance(16);
    expect([one.turn.allows(true), one.turn.allows(false)]).toEqual([true, false]);
    expect(two.hasTurn).toBe(false);

    one.turn.settled();
    expect(one.turn.allows(true)).toBe(true);
    one.usesTurn = false;
    one.turn.settled();
    await clock.advance(1);

    expect(one.turn.allows(true)).toBe(false);
    expect(two.hasTurn).toBe(true);
  });

  it('is passed on though something is under way that does not end', async () => {
    one.want();
    await clock.advance(0);
    one.usesTurn = true;
    two.want();
    await clock.advance(40);

    expect(two.hasTurn).toBe(true);
  });

  it('comes to others when a process stands still that has it', async () => {
    await keeper.take({ process: 'dead', leaseMs: 100, graceMs: 20 });
    one.want();
    two.want();
    await clock.advance(99);
    expect([one.hasTurn, two.hasTurn]).toEqual([false, false]);
    await clock.advance(6);

    expect([one.hasTurn, two.hasTurn].filter(Boolean)).toHaveLength(1);
  });

  it('is no reason to wait where its keeper fails', async () => {
    const broken: TurnKeeper = {
      take: () => Promise.reject(new Error('no')),
      pass: () => Promise.reject(new Error('no')),
    };
    one = new Process(clock, 'one', broken);
    one.want();
    await clock.advance(0);
    expect(one.hasTurn).toBe(true);
    await clock.advance(100);
    expect(one.hasTurn).toBe(true);
    one.wantsTurn = false;
    await clock.advance(20);

    expect([one.hasTurn, clock.pending]).toEqual([false, 0]);
  });
});
