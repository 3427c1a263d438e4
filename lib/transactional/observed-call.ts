import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { from, isObservable, Observable, type Subscriber, type Subscription } from 'rxjs';
import { StreamUnsubscribedError } from '../errors/index.js';
import type { TransactionManager } from '../transaction/transaction-manager.js';
import type { TransactionOptions } from '../transaction/transaction-options.js';

/**
 * One subscription to the Observable of a transactional method. Its transaction stays open until the
 * Observable completes; what runs behind the subscriber runs outside of it.
 */
export class ObservedCall {
  readonly #manager: TransactionManager;
  readonly #options: TransactionOptions;
  readonly #call: () => unknown;
  #subscriber: Subscriber<unknown> | undefined;
  #outside: (<R>(work: () => R) => R) | undefined;
  #inner: Subscription | undefined;
  /** Begins to listen, inside the transaction; waits for the subscriber. */
  #listen: (() => void) | undefined;
  #giveUp: ((error: unknown) => void) | undefined;
  #ended = false;
  #hasEmitted = false;
  #isLeft = false;

  constructor(manager: TransactionManager, options: TransactionOptions, call: () => unknown) {
    this.#manager = manager;
    this.#options = options;
    this.#call = call;
  }

  /** What was emitted cannot be taken back, and who has left wants no more of it. */
  get mayRetry(): boolean {
    return !this.#hasEmitted && !this.#isLeft;
  }

  /** A further attempt. The subscriber may have left while it was waited for. */
  attempt(): Promise<unknown> {
    if (this.#isLeft) return Promise.reject(new StreamUnsubscribedError());
    return this.follow(this.#call());
  }

  /** The work of one attempt: settles as the Observable does. */
  follow(returned: unknown): Promise<unknown> {
    const source = isObservable(returned) ? returned : from(returned as Promise<unknown>);
    return new Promise((resolve, reject) => {
      this.#giveUp = reject;
      this.#listen = AsyncResource.bind(() => {
        this.#listen = undefined;
        this.#inner = source.subscribe({
          next: (value) => {
            this.#hasEmitted = true;
            this.#outside?.(() => this.#subscriber?.next(value));
          },
          error: reject,
          complete: () => resolve(undefined),
        });
      });
      if (this.#subscriber !== undefined) this.#listen();
    });
  }

  /** `run` is this call under way; further subscriptions, and late ones, get calls of their own. */
  toObservable(run: Promise<unknown>): Observable<unknown> {
    const ended = (): void => void (this.#ended = true);
    run.then(ended, ended);
    return new Observable((subscriber) => {
      if (this.#subscriber === undefined && !this.#ended) return this.#attach(subscriber, run);
      const again = new ObservedCall(this.#manager, this.#options, this.#call);
      return again.#start(subscriber);
    });
  }

  #start(subscriber: Subscriber<unknown>): () => void {
    this.#subscriber = subscriber;
    this.#outside = AsyncLocalStorage.snapshot();
    const run = this.#manager.execute(
      () => this.attempt(),
      this.#options,
      () => this.mayRetry,
    );
    return this.#attach(subscriber, run);
  }

  #attach(subscriber: Subscriber<unknown>, run: Promise<unknown>): () => void {
    this.#subscriber = subscriber;
    this.#outside = AsyncLocalStorage.snapshot();
    run.then(
      () => subscriber.complete(),
      (error: unknown) => subscriber.error(error),
    );
    this.#listen?.();
    return () => {
      this.#isLeft = true;
      this.#inner?.unsubscribe();
      this.#giveUp?.(new StreamUnsubscribedError());
    };
  }
}
