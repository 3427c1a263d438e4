/** Which slots of its journal an instance uses, and for which transactions. */
export class SlotAllotment {
  readonly #slots = new Map<string, number>();
  /** Those that were used last are used first, so that few are used at all. */
  readonly #free: number[] = [];
  readonly #untidy = new Map<number, string>();
  #count = 0;
  #known = 0;
  #fresh = new Set<number>();
  #growing: Promise<void> | undefined;
  isTidying = false;

  /** How many slots were ever used. */
  get count(): number {
    return this.#count;
  }

  /** Others do not know of all slots yet. */
  get needsMore(): boolean {
    return this.#count > this.#known;
  }

  get isUntidy(): boolean {
    return this.#untidy.size > 0;
  }

  take(address: string): number {
    const held = this.#slots.get(address);
    if (held !== undefined) return held;
    let slot = this.#free.pop();
    if (slot === undefined) {
      slot = this.#count++;
      this.#fresh.add(slot);
    }
    this.#untidy.delete(slot);
    this.#slots.set(address, slot);
    return slot;
  }

  /** Whether nothing was written into the slot yet; answers so once. */
  isNew(slot: number): boolean {
    return this.#fresh.delete(slot);
  }

  /** Makes more slots known, once for all who wait. */
  async grow(by: number, announce: (count: number) => Promise<void>): Promise<void> {
    while (this.needsMore) {
      const count = Math.ceil(this.#count / by) * by;
      this.#growing ??= announce(count)
        .then(() => {
          this.#known = Math.max(this.#known, count);
        })
        .finally(() => {
          this.#growing = undefined;
        });
      await this.#growing;
    }
  }

  /** Whether the transaction had one. */
  release(address: string): boolean {
    const slot = this.#slots.get(address);
    if (slot === undefined) return false;
    this.#slots.delete(address);
    this.#free.push(slot);
    this.#untidy.set(slot, address);
    return true;
  }

  holds(address: string): boolean {
    return this.#slots.has(address);
  }

  /** Whether a note of it may still stand, though the transaction has left. */
  hasLeft(address: string): boolean {
    return [...this.#untidy.values()].includes(address);
  }

  /** The slots that nobody has taken again, which are tidied now, and who had them last. */
  toTidy(): readonly (readonly [slot: number, address: string])[] {
    const slots = [...this.#untidy];
    this.#untidy.clear();
    return slots;
  }

  /** It could not be tidied. */
  keepUntidy(slot: number, address: string): void {
    if (this.#free.includes(slot)) this.#untidy.set(slot, address);
  }
}
