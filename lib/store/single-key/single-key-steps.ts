import { StoreUnavailableError } from '../../errors/index.js';
import type { Clock } from '../clock.js';
import { CommitReplyLostError } from '../versioned-store.js';
import { printExpiring, type ExpiringText } from './expiring-text.js';
import { SeenTexts } from './seen-texts.js';
import type { SeenText, SingleKeyCache } from './single-key-cache.js';

/** What a step answers, and what becomes of the key, where anything does. */
export interface StepVerdict<R> {
  readonly reply: R;
  /** `remove` takes away what stands. */
  readonly write?: ExpiringText | 'remove' | undefined;
  /** An answer that a write still under way could make untrue. Default: false. */
  readonly isPassing?: boolean;
}

type Judge<R> = (raw: string | undefined) => StepVerdict<R>;

export interface StepOptions {
  /** Called before each write. */
  readonly beforeSending?: () => void;
  /** Where nothing is known of the key, it is written without a look. Default: false. */
  readonly expectsNothing?: boolean;
}

/** The server's own expiry comes after the one in the text. */
const SLACK_MS = 2000;

/**
 * The one way in which anything is written: look, judge, compare and set; and look again where something else
 * stood or the reply was lost. Judges are idempotent by the address of the transaction.
 */
export class SingleKeySteps {
  readonly #cache: SingleKeyCache;
  readonly #clock: Clock;
  readonly #seen = new SeenTexts();

  constructor(cache: SingleKeyCache, clock: Clock) {
    this.#cache = cache;
    this.#clock = clock;
  }

  /** Always asks the server. */
  async read(keys: readonly string[], until: number): Promise<readonly (SeenText | undefined)[]> {
    const found = await this.#cache.get(keys, until);
    for (const [nth, key] of keys.entries()) this.#seen.set(key, found[nth]);
    return found;
  }

  /**
   * @throws CommitReplyLostError where a write was sent, and what became of it is not known by `until`.
   */
  async step<R>(
    key: string,
    until: number,
    judge: Judge<R>,
    { beforeSending, expectsNothing }: StepOptions = {},
  ): Promise<R> {
    let isBlind = expectsNothing === true || this.#seen.has(key);
    let lost: CommitReplyLostError | undefined;
    while (this.#clock.now() < until) {
      const isFresh = !isBlind;
      isBlind = false;
      try {
        const done = await this.#attempt(key, until, judge, { isFresh, beforeSending });
        if (done?.isPassing && lost !== undefined) break;
        if (done !== undefined) return done.reply;
      } catch (error) {
        if (!(error instanceof CommitReplyLostError)) throw lost ?? error;
        lost = error;
      }
    }
    throw lost ?? new StoreUnavailableError(`No answer about ${key} in time.`);
  }

  /** Undefined where something else stood, or what was remembered decides nothing. */
  async #attempt<R>(
    key: string,
    until: number,
    judge: Judge<R>,
    { isFresh, beforeSending }: { isFresh: boolean; beforeSending: (() => void) | undefined },
  ): Promise<StepVerdict<R> | undefined> {
    const { seen, verdict } = await this.#judged(key, until, judge, isFresh);
    if (verdict?.write === undefined) return isFresh ? verdict : undefined;
    beforeSending?.();
    return (await this.#write(key, seen, verdict.write, until)) ? verdict : undefined;
  }

  /** What is remembered may be stale, and then even break a rule: only what it would write counts. */
  async #judged<R>(
    key: string,
    until: number,
    judge: Judge<R>,
    isFresh: boolean,
  ): Promise<{ readonly seen?: SeenText | undefined; readonly verdict?: StepVerdict<R> }> {
    if (isFresh) {
      const [seen] = await this.read([key], until);
      return { seen, verdict: judge(seen?.text) };
    }
    const seen = this.#seen.get(key);
    try {
      return { seen, verdict: judge(seen?.text) };
    } catch {
      return {};
    }
  }

  async #write(
    key: string,
    seen: SeenText | undefined,
    write: ExpiringText | 'remove',
    until: number,
  ): Promise<boolean> {
    if (write === 'remove') {
      const isGone = seen === undefined || (await this.#cache.remove(key, seen, until));
      if (isGone) this.#seen.set(key, undefined);
      return isGone;
    }
    const leftMs = Math.max(write.expiresAtMs - this.#clock.time(), 0) + SLACK_MS;
    const expiresInMs = Number.isFinite(leftMs) ? Math.ceil(leftMs) : undefined;
    const text = printExpiring(write);
    const written =
      seen === undefined
        ? await this.#cache.add(key, text, expiresInMs, until)
        : await this.#cache.replace(key, seen, text, expiresInMs, until);
    if (written !== undefined) this.#seen.set(key, written);
    return written !== undefined;
  }
}
