import type { Amounts, Work } from '../systems/items/item-system.js';
import { itemScript } from './item-script.js';
import { type CreateScenario, integerBelow, type Scenario } from './scenario.js';

const DISTRICTS = 10;
const LINES_MIN = 5;
const LINES_MAX = 15;
const QUANTITY_MAX = 10;
const STOCK_AT_START = 100;
/** Less than that is not kept in stock: so much more is added first. */
const STOCK_MIN = 10;
const RESTOCK = 91;
/** One order of so many names an item that does not exist. */
const DECLINED_OF = 100;

// The keys of the order and its lines are made of its number, which one Redis does not mind.
const PLACE_ORDER = itemScript(`
local read = {}
for nth = 1, #KEYS do read[nth] = get(KEYS[nth]) end
if ARGV[1] == '1' then return read end
local order = ARGV[2] .. ':' .. read[1]
put(KEYS[1], read[1] + 1)
put('item:order:' .. order, #KEYS - 1)
for nth = 2, #KEYS do
  local left = read[nth] - ARGV[nth + 1]
  if left < ${STOCK_MIN} then left = left + ${RESTOCK} end
  put(KEYS[nth], left)
  put('item:line:' .. order .. ':' .. (nth - 2), ARGV[nth + 1])
end
return read
`);

/**
 * The shape of the NewOrder transaction of TPC-C (clause 2.4) in small: one warehouse of ten
 * districts, each with a counter that numbers its orders; an order has five to fifteen lines, each of
 * which takes out of a stock. The amount of a district is the number of its next order, that of an
 * order the number of its lines, that of a line its quantity.
 */
class NewOrder implements Scenario {
  readonly items: Amounts;

  constructor(private readonly stocks: number) {
    this.items = new Map([
      ...Array.from({ length: DISTRICTS }, (_, nth) => [`district:${nth}`, 1] as const),
      ...Array.from({ length: stocks }, (_, nth) => [`stock:${nth}`, STOCK_AT_START] as const),
    ]);
  }

  draw(random: () => number): Work {
    const district = integerBelow(DISTRICTS, random);
    const lines = LINES_MIN + integerBelow(LINES_MAX - LINES_MIN + 1, random);
    const wanted = new Map<string, number>();
    while (wanted.size < lines) {
      wanted.set(
        `stock:${integerBelow(this.stocks, random)}`,
        1 + integerBelow(QUANTITY_MAX, random),
      );
    }
    const declined = integerBelow(DECLINED_OF, random) === 0;
    return {
      reads: [`district:${district}`, ...wanted.keys()],
      decide: ([next = 0, ...stocks]) =>
        declined ? undefined : placeOrder(district, next, [...wanted], stocks),
      inLua: { script: PLACE_ORDER, args: [declined ? 1 : 0, district, ...wanted.values()] },
    };
  }

  /** Orders that are missing below the counter of their district, lines that are missing, and others. */
  violations(left: Amounts): number {
    const named = [...ordersBelow(left)].flatMap(([order, lines]) => [
      `order:${order}`,
      ...Array.from({ length: lines }, (_, line) => `line:${order}:${line}`),
    ]);
    const present = named.filter((id) => left.has(id));
    const others = left.size - this.items.size - present.length;
    return named.length - present.length + others;
  }
}

/** Every order that the counters of the districts name, with its number of lines. */
function* ordersBelow(left: Amounts): Generator<[order: string, lines: number]> {
  for (let district = 0; district < DISTRICTS; district += 1) {
    const next = left.get(`district:${district}`) ?? 0;
    for (let number = 1; number < next; number += 1) {
      const order = `${district}:${number}`;
      yield [order, left.get(`order:${order}`) ?? 0];
    }
  }
}

function placeOrder(
  district: number,
  number: number,
  wanted: readonly (readonly [stock: string, quantity: number])[],
  stocks: readonly number[],
): Amounts {
  const writes = new Map([
    [`district:${district}`, number + 1],
    [`order:${district}:${number}`, wanted.length],
  ]);
  for (const [line, [stock, quantity]] of wanted.entries()) {
    const left = (stocks[line] ?? 0) - quantity;
    writes.set(stock, left < STOCK_MIN ? left + RESTOCK : left);
    writes.set(`line:${district}:${number}:${line}`, quantity);
  }
  return writes;
}

export const newOrder: CreateScenario = (stocks) => new NewOrder(stocks);
