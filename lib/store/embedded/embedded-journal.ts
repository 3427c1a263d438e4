import type { Clock } from '../clock.js';
import type { Claim, Holdings, HoldingsPage, Journal, PageRequest } from '../journal.js';
import { printAddress, type TransactionAddress } from '../transaction-address.js';

interface Entry {
  readonly holdings: Holdings;
  /** In the order of the notes. */
  readonly number: number;
}

/** A journal in the memory of this process, for all instances that share its store. */
export class EmbeddedJournal implements Journal {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Map<string, Entry>>();
  readonly #lapses = new Map<string, number>();
  readonly #claims = new Map<string, { readonly by: string; readonly untilMs: number }>();
  #noted = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async enter(instance: string, holdings: Holdings): Promise<void> {
    let entries = this.#entries.get(instance);
    if (entries === undefined) {
      entries = new Map();
      this.#entries.set(instance, entries);
    }
    entries.set(printAddress(holdings.address), { holdings, number: ++this.#noted });
  }

  async leave(instance: string, addresses: readonly TransactionAddress[]): Promise<void> {
    for (const address of addresses) this.#entries.get(instance)?.delete(printAddress(address));
  }

  async beat(instance: string, lapseMs: number): Promise<void> {
    this.#lapses.set(instance, this.#clock.time() + lapseMs);
  }

  async lapsed(): Promise<readonly string[]> {
    return [...this.#lapses.keys()].filter((instance) => this.#hasLapsed(instance));
  }

  async claim(instance: string, { by, leaseMs }: Claim): Promise<boolean> {
    const now = this.#clock.time();
    const claim = this.#claims.get(instance);
    if (claim !== undefined && claim.by !== by && claim.untilMs > now) return false;
    this.#claims.set(instance, { by, untilMs: now + leaseMs });
    return true;
  }

  async entries(instance: string, { most, from = '0' }: PageRequest): Promise<HoldingsPage> {
    const all = [...(this.#entries.get(instance)?.values() ?? [])];
    const rest = all.filter(({ number }) => number > Number(from));
    const page = rest.slice(0, most);
    const next = page.length < rest.length ? String(page.at(-1)!.number) : undefined;
    return { entries: page.map(({ holdings }) => holdings), unreadable: 0, next };
  }

  async forget(instance: string): Promise<void> {
    if (!this.#hasLapsed(instance) || (this.#entries.get(instance)?.size ?? 0) > 0) return;
    this.#lapses.delete(instance);
    this.#entries.delete(instance);
    this.#claims.delete(instance);
  }

  /** Forgets everything, as between two tests. */
  clear(): void {
    this.#entries.clear();
    this.#lapses.clear();
    this.#claims.clear();
  }

  #hasLapsed(instance: string): boolean {
    return (this.#lapses.get(instance) ?? Number.POSITIVE_INFINITY) <= this.#clock.time();
  }
}
