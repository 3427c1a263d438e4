// What @Transactional() accepts, and what it refuses at compile time.
import { Propagation, Transactional, type TransactionOptions } from 'nestjs-distributed-tx';
import { Observable, of } from 'rxjs';

export class Accepted {
  @Transactional()
  async promise(amount: number): Promise<number> {
    return amount;
  }

  @Transactional({ propagation: Propagation.REQUIRES_NEW, timeoutMs: 100 })
  nothing(): Promise<void> {
    return Promise.resolve();
  }

  @Transactional({ isolation: 'read-committed', readOnly: true, retry: { attempts: 3 } })
  observable(): Observable<string> {
    return of('a');
  }

  @Transactional({
    rollbackFor: [TypeError],
    noRollbackFor: (error) => error instanceof RangeError,
  })
  protected async generic<T>(value: T): Promise<T> {
    return value;
  }
}

@Transactional({ propagation: 'NESTED' })
export class WholeClass {
  async method(): Promise<void> {}
}

@Transactional()
export abstract class AbstractClass {
  abstract method(): Promise<void>;
}

export class Refused {
  // @ts-expect-error: a number cannot be waited for.
  @Transactional()
  number(): number {
    return 1;
  }

  // @ts-expect-error: nothing cannot be waited for either.
  @Transactional()
  nothing(): void {}

  // @ts-expect-error: a promise only sometimes is not enough.
  @Transactional()
  sometimes(now: boolean): number | Promise<number> {
    return now ? 1 : Promise.resolve(1);
  }

  // @ts-expect-error: a property is no method.
  @Transactional()
  readonly property = 1;
}

export const misspelt: TransactionOptions[] = [
  // @ts-expect-error: there is no such mode.
  { propagation: 'required' },
  // @ts-expect-error: there is no such level.
  { isolation: 'snapshot' },
  // @ts-expect-error: units are in the names.
  { timeout: 100 },
  // @ts-expect-error: an error class, not an instance.
  { rollbackFor: [new Error('no')] },
];

// @ts-expect-error: one options object, no overloads.
Transactional('REQUIRED');

// @ts-expect-error: modes are values of an object that cannot be changed.
Propagation.REQUIRED = 'NEVER';
