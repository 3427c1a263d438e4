import { randomBytes } from 'node:crypto';

/** Where chance comes from: a number in [0, 1). Tests put a seeded one in its place. */
export type Random = () => number;

/**
 * Names a process, or a worker in it, for ever: 66 random bits as 11 characters, not all of them digits
 * (a version tells who wrote it from when it was locked). Never made from pid, host or time, which
 * repeat in containers and after restarts.
 */
export function drawProcessTag(): string {
  const tag = randomBytes(9).toString('base64url').slice(0, 11);
  return /\D/.test(tag) ? tag : drawProcessTag();
}

/** The ids of the transactions of one process: its tag and a counter. */
export class IdSource {
  #count = 0;

  constructor(readonly processTag: string = drawProcessTag()) {}

  next(): string {
    return this.processTag + (++this.#count).toString(36);
  }
}
