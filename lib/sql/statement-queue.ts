import { inTime } from './in-time.js';

/** What is done on one connection: one thing after the other, whatever became of those before. */
export class StatementQueue {
  #tail: Promise<unknown> = Promise.resolve();
  #running = 0;
  #cutOff: ((reason: unknown) => void) | undefined;

  /** Nothing was sent that is not answered. */
  get isIdle(): boolean {
    return this.#running === 0;
  }

  enqueue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(work);
    this.#tail = result.catch(() => undefined);
    return result;
  }

  /** Something is sent that the connection has to answer before anything else. */
  async send<T>(work: () => Promise<T>): Promise<T> {
    this.#running++;
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#cutOff = reject;
        work().then(resolve, reject);
      });
    } finally {
      this.#running--;
    }
  }

  /** Gives up on what is not answered: a driver may say nothing once its connection is destroyed. */
  cutOff(reason: unknown): void {
    this.#cutOff?.(reason);
  }

  /** Whether everything that was enqueued has ended in this time, in milliseconds. */
  async settled(leftMs: () => number): Promise<boolean> {
    const tail = this.#tail;
    try {
      await inTime(tail, leftMs(), 'A statement');
    } catch {
      return false;
    }
    return tail === this.#tail || this.settled(leftMs);
  }
}
