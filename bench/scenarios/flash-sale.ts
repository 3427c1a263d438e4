import type { Amounts, Work } from '../systems/items/item-system.js';
import { itemScript } from './item-script.js';
import { type CreateScenario, integerBelow, type Scenario } from './scenario.js';

/** Pieces of each product. */
const STOCK = 1000;
const QUANTITY_MAX = 3;

const PURCHASE = itemScript(`
local left, quantity = get(KEYS[1]), tonumber(ARGV[1])
if left >= quantity then
  put(KEYS[1], left - quantity)
  put(KEYS[2], quantity)
end
return { left }
`);

/**
 * Everybody buys the same product until it is sold out, then the next one. A purchase takes one to
 * three pieces out of the stock and inserts an order; it is declined where too few are left.
 */
class FlashSale implements Scenario {
  readonly items: Amounts;
  readonly #seed: number;
  #onSale = 0;
  #orders = 0;

  constructor(products: number, seed: number) {
    this.items = new Map(
      Array.from({ length: products }, (_, product) => [`stock:${product}`, STOCK]),
    );
    this.#seed = seed;
  }

  draw(random: () => number): Work {
    if (this.#onSale === this.items.size) throw new Error('Everything is sold: measure shorter.');
    const stock = `stock:${this.#onSale}`;
    const quantity = 1 + integerBelow(QUANTITY_MAX, random);
    this.#orders += 1;
    const order = `order:${this.#onSale}:${this.#seed}-${this.#orders}`;
    return {
      reads: [stock],
      decide: ([left = 0]) =>
        left < quantity
          ? undefined
          : new Map([
              [stock, left - quantity],
              [order, quantity],
            ]),
      inLua: { script: PURCHASE, inserts: [order], args: [quantity] },
    };
  }

  declined({ reads: [stock = ''] }: Work): void {
    this.#onSale = Math.max(this.#onSale, Number(stock.slice('stock:'.length)) + 1);
  }

  /** Products that are oversold, and those whose orders are not what was taken out of the stock. */
  violations(left: Amounts): number {
    const ordered = new Map<string, number>();
    for (const [id, quantity] of left) {
      const [kind, product] = id.split(':');
      if (kind !== 'order') continue;
      const stock = `stock:${product}`;
      ordered.set(stock, (ordered.get(stock) ?? 0) + quantity);
    }
    return [...this.items].filter(([stock, atStart]) => {
      const now = left.get(stock) ?? Number.NaN;
      return !(now >= 0 && atStart - now === (ordered.get(stock) ?? 0));
    }).length;
  }
}

export const flashSale: CreateScenario = (products, seed) => new FlashSale(products, seed);
