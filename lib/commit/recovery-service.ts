import { messageOf } from '../errors/message-of.js';
import type { Cancel, Clock } from '../store/clock.js';
import type { ParticipantRegistry } from '../participants/participant-registry.js';
import type { VersionedStore } from '../store/versioned-store.js';
import type { CommitEvents } from './commit-events.js';
import { Finisher } from './finisher.js';
import { Recovery, type RecoveryReport } from './recovery.js';

export interface RecoveryServiceOptions {
  /** Whether rounds happen by themselves. */
  readonly enabled: boolean;
  /** Between two rounds, in milliseconds; each pause is drawn between half and one and a half of it. */
  readonly intervalMs: number;
  /** How many transactions of one instance are looked at in one go. */
  readonly batch: number;
  /** How long a round may take, in milliseconds. */
  readonly timeoutMs: number;
}

export interface RecoveryServiceSetup {
  /** The name of this instance. */
  readonly instance: string;
  readonly store: VersionedStore;
  /** The caches that the store consists of, in each of which records may lie. Default: the store. */
  readonly caches?: readonly VersionedStore[];
  readonly clock: Clock;
  readonly random: () => number;
  readonly options: RecoveryServiceOptions;
  readonly log: { warn(message: string): void };
  readonly events: CommitEvents;
  readonly participants: ParticipantRegistry;
}

const NOTHING_TO_DO: RecoveryReport = { finished: 0, undecided: 0, failed: 0 };

/** Finishes, in the background or when asked, what instances left behind that have died. */
export class RecoveryService {
  readonly #setup: RecoveryServiceSetup;
  readonly #recovery: Recovery;
  #cancel: Cancel | undefined;
  #round: Promise<RecoveryReport> | undefined;
  #lastFailed = 0;
  #closed = false;

  constructor(setup: RecoveryServiceSetup) {
    const { store, caches, clock, options, events, instance, participants } = setup;
    this.#setup = setup;
    const finisher = new Finisher({ clock, events, participants });
    this.#recovery = new Recovery(
      store,
      { finisher, events, participants },
      { batch: options.batch, instance, caches },
    );
  }

  /** Where one step covers everything there are no locks, and nothing is ever left behind. */
  get #isNeeded(): boolean {
    const { store, participants } = this.#setup;
    return participants.size > 0 || store.spansNodes;
  }

  /** @internal */
  start(): void {
    if (this.#cancel !== undefined || !this.#isNeeded) return;
    if (this.#setup.options.enabled) this.#schedule();
  }

  /**
   * One round now; joins the one that is under way. What another instance is recovering is left to it.
   * @throws StoreUnavailableError, StoreRefusedError
   */
  recover(): Promise<RecoveryReport> {
    if (!this.#isNeeded) return Promise.resolve(NOTHING_TO_DO);
    this.#round ??= this.#recovery
      .recover(this.#setup.clock.now() + this.#setup.options.timeoutMs)
      .finally(() => (this.#round = undefined));
    return this.#round;
  }

  /** @internal */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel?.();
    await this.#round?.catch(() => undefined);
  }

  #schedule(): void {
    if (this.#closed) return;
    const { clock, random, options } = this.#setup;
    const pauseMs = options.intervalMs * (0.5 + random());
    this.#cancel = clock.schedule(pauseMs, () => void this.#runRound(), { background: true });
  }

  async #runRound(): Promise<void> {
    const { log } = this.#setup;
    try {
      const { finished, failed } = await this.recover();
      if (finished > 0) log.warn(`Recovery finished ${finished} transactions of dead instances.`);
      const isNews = failed !== this.#lastFailed;
      this.#lastFailed = failed;
      if (failed > 0 && isNews) log.warn(`Recovery could not finish ${failed} transactions yet.`);
    } catch (error) {
      log.warn(`Recovery could not look for transactions of dead instances: ${messageOf(error)}`);
    }
    this.#schedule();
  }
}
