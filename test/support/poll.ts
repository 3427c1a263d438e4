import { setTimeout as delay } from 'node:timers/promises';

export interface PollOptions {
  readonly deadlineMs: number;
  readonly intervalMs?: number;
  /** What is waited for, for the message of the error. */
  readonly until: string;
}

/** Asks again and again until the answer is not undefined; rejects at the deadline. */
export async function poll<T>(
  ask: () => T | undefined | Promise<T | undefined>,
  { deadlineMs, intervalMs = 10, until }: PollOptions,
): Promise<T> {
  const deadlineAtMs = performance.now() + deadlineMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() >= deadlineAtMs) {
      throw new Error(`Waited ${deadlineMs} ms in vain until ${until}`);
    }
    await delay(intervalMs);
  }
}
