import { randomInt } from 'node:crypto';

const SEED_LIMIT = 2 ** 32;

/** A small reproducible generator (xoshiro128**): the same seed gives the same sequence. */
export class SeededRandom {
  readonly seed: number;
  readonly #state: [number, number, number, number];

  constructor(seed: number) {
    if (!Number.isInteger(seed) || seed < 0 || seed >= SEED_LIMIT) {
      throw new RangeError(`A seed is an integer from 0 to ${SEED_LIMIT - 1}, not ${seed}.`);
    }
    this.seed = seed;
    const mix = splitMix(seed);
    this.#state = [mix(), mix(), mix(), mix()];
  }

  /** A number from 0 (included) to 1 (excluded). */
  next(): number {
    return this.#bits() / SEED_LIMIT;
  }

  /** An integer from 0 (included) to `limit` (excluded). */
  integer(limit: number): number {
    if (!Number.isInteger(limit) || limit <= 0 || limit > SEED_LIMIT) {
      throw new RangeError(`The limit of a random integer is from 1 to ${SEED_LIMIT}: ${limit}.`);
    }
    return Math.floor(this.next() * limit);
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<Item>(items: readonly Item[]): Item {
    if (items.length === 0) throw new RangeError('Nothing can be picked from an empty list.');
    return items[this.integer(items.length)] as Item;
  }

  /** A shuffled copy. */
  shuffle<Item>(items: readonly Item[]): Item[] {
    const shuffled = [...items];
    for (let last = shuffled.length - 1; last > 0; last -= 1) {
      const other = this.integer(last + 1);
      const moved = shuffled[last] as Item;
      shuffled[last] = shuffled[other] as Item;
      shuffled[other] = moved;
    }
    return shuffled;
  }

  /** An independent generator, so that one more draw in one part does not change another part. */
  fork(): SeededRandom {
    return new SeededRandom(this.#bits());
  }

  #bits(): number {
    const state = this.#state;
    const result = Math.imul(rotateLeft(Math.imul(state[1], 5), 7), 9) >>> 0;
    const shifted = state[1] << 9;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotateLeft(state[3], 11);
    return result;
  }
}

/** The seed of this run: the environment variable DTX_SEED, otherwise a random one. */
export function chooseSeed(): number {
  const given = process.env['DTX_SEED'];
  return given === undefined || given === '' ? randomInt(SEED_LIMIT) : Number(given);
}

/** Runs the body with a seeded generator and prints how to replay it when it fails. */
export async function withSeed<Result>(
  name: string,
  body: (random: SeededRandom) => Result | Promise<Result>,
): Promise<Result> {
  const random = new SeededRandom(chooseSeed());
  try {
    return await body(random);
  } catch (error) {
    console.error(`"${name}" failed; replay it with DTX_SEED=${random.seed}`);
    throw error;
  }
}

function splitMix(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
