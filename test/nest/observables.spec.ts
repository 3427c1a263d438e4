import { Logger } from '@nestjs/common';
import {
  concat,
  defer,
  EMPTY,
  firstValueFrom,
  from,
  lastValueFrom,
  NEVER,
  Observable,
  of,
  Subject,
  throwError,
  toArray,
} from 'rxjs';
import {
  StreamUnsubscribedError,
  Transactional,
  TransactionConflictError,
  TransactionRequiredError,
  type TransactionManager,
} from '../../lib/index.js';
import { poll } from '../support/poll.js';
import { Tally } from './support/counting-entities.js';
import { embeddedRuntime } from './support/plain-runtime.js';

// The longest jitter there is, so that a test can act while a call waits for its next attempt; an
// attempt that items are handed to would not wait at all.
const { manager, tallies } = embeddedRuntime({ random: () => 1, handOver: false });

type Source = (attempt: number) => Observable<unknown>;

class Streams {
  attempts = 0;
  readonly statuses: (() => string | undefined)[] = [];

  constructor(private readonly source: Source) {}

  @Transactional()
  stream(): Observable<unknown> {
    return this.#observe();
  }

  @Transactional({ retry: { backoffMs: 200, maxBackoffMs: 200 } })
  slowlyRetried(): Observable<unknown> {
    return this.#observe();
  }

  @Transactional({ timeoutMs: 50 })
  brief(): Observable<unknown> {
    return this.#observe();
  }

  @Transactional({ propagation: 'MANDATORY' })
  inner(): Observable<unknown> {
    return this.#observe();
  }

  @Transactional()
  broken(): Observable<unknown> {
    throw new RangeError('before there was an Observable');
  }

  #observe(): Observable<unknown> {
    this.attempts += 1;
    const transaction = manager.current();
    this.statuses.push(() => transaction?.status);
    return this.source(this.attempts);
  }
}

function streams(source: Source): Streams {
  return manager.bind(new Streams(source));
}

beforeAll(() => Logger.overrideLogger(false));
afterAll(() => Logger.overrideLogger(true));

let drawn = 0;
let id = '';
beforeEach(() => (id = `o${++drawn}`));

const save = (by = 'stream'): Observable<Tally> => defer(() => tallies.save({ id, total: 1, by }));
const read = (): Observable<Tally | null> => defer(() => tallies.findOne(id));

function changeFromOutside(transactions: TransactionManager): Observable<Tally> {
  return defer(() =>
    transactions.run(() => tallies.save({ id, total: 9, by: 'somebody else' }), {
      propagation: 'REQUIRES_NEW',
    }),
  );
}

function statusOf(service: Streams, attempt = 1): Promise<string> {
  return poll(
    () => {
      const status = service.statuses[attempt - 1]?.();
      return status === 'active' || status === 'committing' ? undefined : status;
    },
    { deadlineMs: 2000, intervalMs: 1, until: 'the transaction has ended' },
  );
}

describe('A transactional Observable', () => {
  it('commits when it completes', async () => {
    const service = streams(() => concat(of('a'), save(), of('b')));
    const values = await lastValueFrom(service.stream().pipe(toArray()));
    expect(values).toEqual(['a', expect.any(Tally), 'b']);
    expect(service.statuses[0]?.()).toBe('committed');
    expect(await tallies.exists(id)).toBe(true);
  });

  it('completes for its subscriber only once the commit has happened', async () => {
    const service = streams(() => save());
    let stood: string | undefined;
    await new Promise<void>((resolve) => {
      service.stream().subscribe({
        complete: () => {
          stood = service.statuses[0]?.();
          resolve();
        },
      });
    });
    expect(stood).toBe('committed');
  });

  it('rolls back when it errs, and passes the error on', async () => {
    const service = streams(() =>
      concat(
        save(),
        throwError(() => new RangeError('late')),
      ),
    );
    await expect(lastValueFrom(service.stream())).rejects.toThrow(RangeError);
    expect(await tallies.exists(id)).toBe(false);
  });

  it('rolls back when its subscriber leaves', async () => {
    const service = streams(() => concat(save(), NEVER));
    await firstValueFrom(service.stream());
    expect(await statusOf(service)).toBe('rolled_back');
    expect(await tallies.exists(id)).toBe(false);
  });

  it.each([
    ['commits', 'one that has completed by then', () => of(1, 2)],
    ['rolls back', 'one that would emit more', () => concat(of(1, 2), NEVER)],
  ])('%s when its subscriber leaves at the first value: %s', async (how, _, values) => {
    const service = streams(values);

    expect(await firstValueFrom(service.stream())).toBe(1);

    const status = how === 'commits' ? 'committed' : 'rolled_back';
    await poll(() => service.statuses[0]?.() === status || undefined, {
      deadlineMs: 1000,
      until: status,
    });
  });

  it('unsubscribes from its source when its subscriber leaves', async () => {
    let released = false;
    const source = new Observable((subscriber) => {
      subscriber.next(1);
      return () => (released = true);
    });
    const service = streams(() => source);
    await firstValueFrom(service.stream());
    await statusOf(service);
    expect(released).toBe(true);
  });

  it('runs no further attempt for a subscriber that has left meanwhile', async () => {
    // Nothing may be emitted, or there would be no further attempt.
    const quiet = streams(() =>
      concat(read(), changeFromOutside(manager), save()).pipe(ignoreValues),
    );
    const subscription = quiet.slowlyRetried().subscribe();
    expect(await statusOf(quiet)).toBe('rolled_back');
    subscription.unsubscribe();
    await expect(
      poll(() => (quiet.attempts > 1 ? true : undefined), {
        deadlineMs: 400,
        until: 'there is another attempt',
      }),
    ).rejects.toThrow('in vain');
    expect((await tallies.findOne(id))?.by).toBe('somebody else');
  });

  it('has a transaction for each subscription', async () => {
    const service = streams(() => read());
    const stream = service.stream();
    await Promise.all([lastValueFrom(stream), lastValueFrom(stream), lastValueFrom(stream)]);
    await lastValueFrom(stream);
    expect(service.attempts).toBe(4);
    expect(service.statuses.map((status) => status())).toEqual(Array(4).fill('committed'));
  });

  it('is run again after a conflict as long as it has emitted nothing', async () => {
    const service = streams((attempt) =>
      concat(
        read().pipe(ignoreValues),
        attempt === 1 ? changeFromOutside(manager).pipe(ignoreValues) : EMPTY,
        save(),
      ).pipe(ignoreValues),
    );
    await lastValueFrom(service.stream(), { defaultValue: undefined });
    expect(service.attempts).toBe(2);
    expect((await tallies.findOne(id))?.by).toBe('stream');
  });

  it('reports a conflict once it has emitted something', async () => {
    const service = streams(() =>
      concat(of('emitted'), read(), changeFromOutside(manager), save()),
    );
    await expect(lastValueFrom(service.stream())).rejects.toThrow(TransactionConflictError);
    expect(service.attempts).toBe(1);
    expect((await tallies.findOne(id))?.by).toBe('somebody else');
  });

  it('lets what is behind its subscriber run outside of the transaction', async () => {
    const seen: unknown[] = [];
    const service = streams(() => concat(of('sync'), from(Promise.resolve('async'))));
    await new Promise<void>((resolve, reject) => {
      service.stream().subscribe({
        next: () => seen.push(manager.current()),
        error: reject,
        complete: () => {
          seen.push(manager.current());
          resolve();
        },
      });
    });
    expect(seen).toEqual([undefined, undefined, undefined]);
  });

  it('lets what is behind its subscriber stay in the transaction of the subscriber', async () => {
    const service = streams(() => of(1));
    await manager.run(async () => {
      const outer = manager.current();
      const seen: unknown[] = [];
      const stream = manager.run(() => Promise.resolve(service.stream()), {
        propagation: 'REQUIRED',
      });
      await lastValueFrom((await stream).pipe(tapWith(() => seen.push(manager.current()))));
      expect(seen).toEqual([outer]);
    });
  });

  it('may complete before it is looked at, without a value', async () => {
    const service = streams(() => EMPTY);
    await lastValueFrom(service.stream(), { defaultValue: 'nothing' });
    expect(service.statuses[0]?.()).toBe('committed');
  });

  it('joins the transaction that it is called in', async () => {
    const service = streams(() => save());
    const outer = manager.run(async () => {
      await lastValueFrom(service.inner());
      throw new RangeError('outer');
    });
    await expect(outer).rejects.toThrow(RangeError);
    expect(await tallies.exists(id)).toBe(false);
  });

  it('fails as an Observable where the method never returned one', async () => {
    const service = streams(() => EMPTY);
    await expect(lastValueFrom(service.broken())).rejects.toThrow(RangeError);
    await expect(lastValueFrom(service.inner())).rejects.toThrow(TransactionRequiredError);
  });

  it('that nobody subscribes to ends by its time-out, and nothing is unhandled', async () => {
    const unhandled: unknown[] = [];
    const listener = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', listener);
    const service = streams(() => save());
    service.brief();
    service.broken();
    expect(await statusOf(service)).toBe('rolled_back');
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', listener);
    expect(unhandled).toEqual([]);
    expect(await tallies.exists(id)).toBe(false);
  });

  it('may be subscribed to after its first run has timed out', async () => {
    const service = streams(() => save());
    const stream = service.brief();
    await statusOf(service);
    await lastValueFrom(stream);
    expect(service.attempts).toBe(2);
    expect(await tallies.exists(id)).toBe(true);
  });

  it('is told of its time-out', async () => {
    const service = streams(() => NEVER);
    await expect(lastValueFrom(service.brief())).rejects.toThrow('50 ms');
  });

  it('releases its source when it runs out of time', async () => {
    let released = false;
    const service = streams(() => new Observable(() => () => (released = true)));
    await expect(lastValueFrom(service.brief())).rejects.toThrow('50 ms');
    expect(released).toBe(true);
  });

  it('may be fed from outside, and commits when that completes', async () => {
    const subject = new Subject<number>();
    const service = streams(() => concat(save(), subject));
    const done = lastValueFrom(service.stream());
    await poll(() => (subject.observed ? true : undefined), {
      deadlineMs: 1000,
      until: 'the subject is listened to',
    });
    subject.next(5);
    subject.complete();
    expect(await done).toBe(5);
    expect(await tallies.exists(id)).toBe(true);
  });

  it('of a method that its class covers is a transaction too', async () => {
    @Transactional()
    class Covered {
      stream(): Observable<unknown> {
        return concat(save(), of(manager.current()?.status));
      }
    }
    const covered = manager.bind(new Covered());
    expect(await lastValueFrom(covered.stream())).toBe('active');
    expect(await tallies.exists(id)).toBe(true);
    await manager.run(() => lastValueFrom(covered.stream()));
  });

  it('tells onRollback that nobody listens any more', async () => {
    let reason: unknown;
    const service = streams(() => {
      manager.current()?.onRollback((error) => (reason = error));
      return concat(of(1), NEVER);
    });
    await firstValueFrom(service.stream());
    await poll(() => reason, { deadlineMs: 1000, until: 'the hook has run' });
    expect(reason).toBeInstanceOf(StreamUnsubscribedError);
  });
});

function ignoreValues(source: Observable<unknown>): Observable<never> {
  return new Observable((subscriber) =>
    source.subscribe({
      error: (error: unknown) => subscriber.error(error),
      complete: () => subscriber.complete(),
    }),
  );
}

function tapWith(effect: () => unknown) {
  return (source: Observable<unknown>): Observable<unknown> =>
    new Observable((subscriber) =>
      source.subscribe({
        next: (value) => {
          effect();
          subscriber.next(value);
        },
        error: (error: unknown) => subscriber.error(error),
        complete: () => subscriber.complete(),
      }),
    );
}
