import type { StoredItem } from '../store/stored-item.js';

/** What one transaction has to do with hot items. */
export class HotUse {
  /** Items that it has the turn on. */
  held: HotItem[] = [];
  /** Items that its commit changes, which is sent and not answered. */
  flying: HotItem[] = [];
  waitingFor: HotItem | undefined;
  isOver = false;
  /** Those whose sent values it was given; forgotten at its end, or a chain would never be. */
  builtOn: HotUse[] | undefined;
  #answer: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;

  constructor(
    readonly id: string,
    /** When its call began, in local monotonic milliseconds. */
    readonly startedAt: number,
  ) {}

  /** Its commit, if one is under way, is answered. */
  get answered(): Promise<void> | undefined {
    if (this.flying.length === 0) return undefined;
    if (this.#answer === undefined) {
      let resolve = (): void => undefined;
      const promise = new Promise<void>((settle) => (resolve = settle));
      this.#answer = { promise, resolve };
    }
    return this.#answer.promise;
  }

  /** No more items are under way. */
  land(): void {
    this.flying = [];
    this.#answer?.resolve();
  }
}

/** A value, and whose commit it comes from, which may be under way. */
export interface Known {
  readonly item: StoredItem;
  readonly from: HotUse | undefined;
}

interface Waiter {
  readonly use: HotUse;
  readonly go: () => void;
}

/** How many failed writers of an item are remembered. */
const MOST_FAILED = 512;

/** An item that several transactions of this process want at the same time. */
export class HotItem {
  /** Whose turn it is: from its read until its commit is sent. */
  holder: HotUse | undefined;
  #heldSince = 0;
  /** By age. */
  readonly #waiters: Waiter[] = [];
  /** Commits that change it, sent and not answered. */
  inFlight = 0;
  /** One of them has failed, and all that follow it will. */
  isBroken = false;
  /** The last value that was read or sent. */
  known: Known | undefined;
  /** The ids of those that have failed. */
  readonly failed = new Set<string>();
  contendedAt = 0;
  /** How often in a row another process was faster. */
  losses = 0;
  /** Until then processes take turns on it, in local monotonic milliseconds. */
  sharedUntil = 0;
  /** Nobody has the turn before. */
  pauseUntil = 0;

  constructor(readonly key: string) {}

  get hasWaiters(): boolean {
    return this.#waiters.length > 0;
  }

  get isIdle(): boolean {
    return this.holder === undefined && !this.hasWaiters && this.inFlight === 0;
  }

  isFree(now: number): boolean {
    return !this.hasWaiters && this.#isOpen(now);
  }

  give(use: HotUse, now: number): void {
    // Where something is under way, others would have met it, whether or not anybody had to wait.
    if (this.inFlight > 0) this.contendedAt = now;
    this.holder = use;
    this.#heldSince = now;
    use.held.push(this);
  }

  enqueue(use: HotUse, go: () => void): void {
    const { startedAt } = use;
    let at = this.#waiters.length;
    while (at > 0 && this.#waiters[at - 1]!.use.startedAt > startedAt) at--;
    this.#waiters.splice(at, 0, { use, go });
    use.waitingFor = this;
  }

  /** The next one in the queue that may have its turn, where there is one. */
  passOn(now: number, mayHave: (use: HotUse) => boolean): void {
    if (!this.#isOpen(now)) return;
    const at = this.#waiters.findIndex(({ use }) => mayHave(use));
    if (at < 0) return;
    const [next] = this.#waiters.splice(at, 1) as [Waiter];
    next.use.waitingFor = undefined;
    this.give(next.use, now);
    next.go();
  }

  /** Who waits no more is let go at once. */
  forget(use: HotUse): void {
    const at = this.#waiters.findIndex((waiter) => waiter.use === use);
    if (at < 0) return;
    const [waiter] = this.#waiters.splice(at, 1);
    use.waitingFor = undefined;
    waiter!.go();
  }

  endLease(before: number): void {
    if (this.holder !== undefined && this.#heldSince <= before) this.holder = undefined;
  }

  /** A commit that changes it is answered; whether others are under way that build on it and must fail. */
  answer(id: string, isCommitted: boolean): boolean {
    const wasBroken = this.isBroken;
    this.inFlight--;
    if (isCommitted) this.losses = 0;
    else {
      this.known = undefined;
      this.isBroken = true;
      this.#remember(id);
    }
    if (this.inFlight > 0) return this.isBroken && !wasBroken;
    this.isBroken = false;
    return false;
  }

  /** Whoever has seen what it wrote may commit long after, and must not begin another chain with that. */
  #remember(id: string): void {
    this.failed.add(id);
    if (this.failed.size <= MOST_FAILED) return;
    const [oldest] = this.failed;
    this.failed.delete(oldest!);
  }

  #isOpen(now: number): boolean {
    return this.holder === undefined && !this.isBroken && now >= this.pauseUntil;
  }
}
