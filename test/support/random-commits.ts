import type {
  CommitItem,
  CounterIncrement,
  ItemChange,
  OnePhaseCommit,
  PendingTransaction,
  RecordedBranch,
} from '../../lib/store/versioned-store.js';
import { ANY_ABSENCE } from '../../lib/store/version.js';
import type { SeededRandom } from './seeded-random.js';

/** One thing that is done to each of the stores that are compared. */
export type RandomStep =
  | { readonly kind: 'commit'; readonly commit: OnePhaseCommit }
  | { readonly kind: 'announce'; readonly pending: PendingTransaction }
  | {
      readonly kind: 'conclude';
      readonly address: OnePhaseCommit['address'];
      readonly outcome: 'committed' | 'rolled_back';
    }
  | { readonly kind: 'fence' | 'outcome'; readonly address: OnePhaseCommit['address'] }
  | { readonly kind: 'foreign'; readonly key: string; readonly value: string }
  | { readonly kind: 'read'; readonly keys: readonly string[] };

/** What stands, as the writer of the next step may have seen it. */
export type Knowledge = ReadonlyMap<string, string | undefined>;

const HOUR_MS = 3_600_000;
const SAFE = Number.MAX_SAFE_INTEGER;
const NUMBERS = [0, 1, -1, 2, -3, 10, SAFE, -SAFE, SAFE - 1] as const;
const PAYLOADS = ['', '{}', '{"a":1}', '|', '*|*', '😀', '\0', '1.a|2|3', '"€"'] as const;
/** Nothing here looks like the head of an item: that is a matter of its own. */
const TOMBSTONES = ['0.w1||', '0.w2||', '0.w-3||', '0.w1*holder@0@99||'];
const FOREIGN = ['', '{"a":1}', 'text', '0', '1', '1.', '1.a', '.a|b|c', '01.a|1|x', '-1.a||'];

/** Draws steps that meet each other: few keys, known and stale versions, few addresses twice. */
export class RandomSteps {
  readonly #random: SeededRandom;
  readonly #keys: readonly string[];
  readonly #addresses: OnePhaseCommit['address'][] = [];
  #count = 0;

  constructor(random: SeededRandom, keys: readonly string[]) {
    this.#random = random;
    this.#keys = keys;
  }

  next(knowledge: Knowledge, nodeTimeMs: number): RandomStep {
    const drawn = this.#random.next();
    if (drawn < 0.7) return { kind: 'commit', commit: this.#commit(knowledge, nodeTimeMs) };
    if (drawn < 0.77) return { kind: 'announce', pending: this.#pending(nodeTimeMs) };
    if (drawn < 0.82) {
      const outcome = this.#random.pick(['committed', 'rolled_back'] as const);
      return { kind: 'conclude', address: this.#address(nodeTimeMs, 0.9), outcome };
    }
    if (drawn < 0.86) return { kind: 'fence', address: this.#address(nodeTimeMs, 0.5) };
    if (drawn < 0.9) return { kind: 'outcome', address: this.#address(nodeTimeMs) };
    if (drawn < 0.95) return { kind: 'read', keys: this.#some(this.#keys, 6) };
    return { kind: 'foreign', key: this.#random.pick(this.#keys), value: this.#foreign() };
  }

  #address(nodeTimeMs: number, known = 0.15): OnePhaseCommit['address'] {
    if (this.#addresses.length > 0 && this.#random.chance(known)) {
      return this.#random.pick(this.#addresses.slice(-4));
    }
    const drawn = this.#random.next();
    let aheadMs = 30_000;
    if (drawn < 0.03) aheadMs = -5000;
    else if (drawn < 0.06) aheadMs = -HOUR_MS;
    else if (drawn < 0.09) aheadMs = HOUR_MS;
    const id = `w${this.#random.pick(['', '-', '_'])}${(++this.#count).toString(36)}`;
    const address = { id, home: '0', deadlineAtMs: Math.ceil(nodeTimeMs) + aheadMs };
    this.#addresses.push(address);
    return address;
  }

  #commit(knowledge: Knowledge, nodeTimeMs: number): OnePhaseCommit {
    const keys = [...new Set(this.#some(this.#keys, 4))];
    const items = keys.map((key) => this.#item(key, knowledge.get(key)));
    const commit = { address: this.#address(nodeTimeMs), items, record: '"r":1', sent: false };
    const announced = this.#random.chance(0.1);
    return this.#random.chance(0.8) ? commit : { ...commit, announced, branches: this.#branches() };
  }

  #pending(nodeTimeMs: number): PendingTransaction {
    return {
      address: this.#address(nodeTimeMs, 0.3),
      record: '"r":1',
      decider: this.#random.pick([undefined, 'orders']),
      branches: this.#branches(),
      redo: this.#random.pick([undefined, []]),
    };
  }

  #branches(): readonly RecordedBranch[] {
    const payload = this.#random.pick([undefined, ...PAYLOADS]);
    return this.#random.chance(0.2) ? [] : [{ participant: 'orders', number: 1, payload }];
  }

  #item(key: string, raw: string | undefined): CommitItem {
    const drawn = this.#random.next();
    if (drawn < 0.25) {
      const increments = Array.from({ length: 1 + this.#random.integer(3) }, () => this.#step());
      const ttlMs = this.#ttlMs();
      return { key, expected: undefined, change: { kind: 'increment', increments, ttlMs } };
    }
    if (drawn < 0.4) return { key, expected: undefined, change: this.#write() };
    if (drawn < 0.45) {
      const expectedForeign = this.#random.chance(0.7) ? (raw ?? 'gone') : this.#foreign();
      // Adoption of an empty text, and with a time to live, is a matter of its own.
      if (expectedForeign !== '') {
        const change = { ...this.#write(), ttlMs: undefined };
        return { key, expected: '0', expectedForeign, change };
      }
    }
    const expected = this.#version(raw);
    if (drawn < 0.65) return { key, expected, change: undefined };
    if (drawn < 0.75) return { key, expected, change: { kind: 'delete' } };
    return { key, expected, change: this.#write() };
  }

  #version(raw: string | undefined): string {
    const drawn = this.#random.next();
    if (drawn < 0.05) return '0';
    if (drawn < 0.08) return ANY_ABSENCE;
    if (drawn < 0.1) return `${1 + this.#random.integer(3)}.w${this.#random.integer(5)}`;
    return /^(?:0|[1-9]\d*)\.[\w-]+(?=[|*])/.exec(raw ?? '')?.[0] ?? '0';
  }

  #write(): Extract<ItemChange, { kind: 'write' }> {
    const counters = Array.from({ length: this.#random.integer(4) }, () => this.#number());
    const payload = this.#random.pick(PAYLOADS);
    return { kind: 'write', counters: counters.join(','), payload, ttlMs: this.#ttlMs() };
  }

  #step(): CounterIncrement {
    const bound = (): number | undefined => (this.#random.chance(0.6) ? undefined : this.#number());
    return { index: this.#random.integer(3), by: this.#number(), min: bound(), max: bound() };
  }

  #number(): number {
    return this.#random.pick(NUMBERS);
  }

  #ttlMs(): number | undefined {
    return this.#random.chance(0.2) ? HOUR_MS : undefined;
  }

  #foreign(): string {
    if (this.#random.chance(0.3)) return `${1 + this.#random.integer(9)}.w*holder@0@99|1,2|{}`;
    if (this.#random.chance(0.3)) return this.#random.pick(TOMBSTONES);
    if (this.#random.chance(0.2)) return `9007199254740990.w|${this.#number()}|{}`;
    return this.#random.pick(FOREIGN);
  }

  #some<T>(all: readonly T[], most: number): T[] {
    return Array.from({ length: 1 + this.#random.integer(most) }, () => this.#random.pick(all));
  }
}
