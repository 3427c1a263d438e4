import type { Amounts, Work } from '../systems/items/item-system.js';
import {
  AMALGAMATE,
  BALANCE,
  DEPOSIT_CHECKING,
  PENALTY,
  SEND_PAYMENT,
  TRANSACT_SAVINGS,
  WRITE_CHECK,
} from './smallbank-scripts.js';
import { type CreateScenario, integerBelow, type Scenario } from './scenario.js';

/** Nine of ten calls are for one of so many customers. */
const HOT_CUSTOMERS = 100;
const HOT_SHARE = 0.9;
const BALANCE_AT_START = 1000;
const AMOUNT_MAX = 50;

type Make = (customer: number, other: number, amount: number) => Work;

/** In hundredths of all calls. */
const MIX: readonly (readonly [share: number, make: Make])[] = [
  [15, balance],
  [15, depositChecking],
  [15, transactSavings],
  [15, amalgamate],
  [15, writeCheck],
  [25, sendPayment],
];

/**
 * SmallBank: customers with a checking and a savings account. The five programs of M. Alomari,
 * M. Cahill, A. Fekete, U. Röhm: "The Cost of Serializability on Platforms That Use Snapshot
 * Isolation", ICDE 2008, and SendPayment, which later implementations have added (H-Store,
 * OLTP-Bench), with the shares of these.
 */
class SmallBank implements Scenario {
  readonly items: Amounts;

  constructor(private readonly customers: number) {
    this.items = new Map(
      Array.from({ length: customers }, (_, customer) => [
        [savingsOf(customer), BALANCE_AT_START] as const,
        [checkingOf(customer), BALANCE_AT_START] as const,
      ]).flat(),
    );
  }

  draw(random: () => number): Work {
    const customer = this.#draw(random);
    let other = this.#draw(random);
    while (other === customer) other = this.#draw(random);
    const amount = 1 + integerBelow(AMOUNT_MAX, random);
    let at = 100 * random();
    for (const [share, make] of MIX) {
      at -= share;
      if (at < 0) return make(customer, other, amount);
    }
    throw new Error('The shares of the mix are less than 100.');
  }

  #draw(random: () => number): number {
    const hot = Math.min(HOT_CUSTOMERS, this.customers);
    return integerBelow(random() < HOT_SHARE ? hot : this.customers, random);
  }

  /** Savings below zero. */
  violations(left: Amounts): number {
    return [...left].filter(([id, amount]) => id.startsWith('savings:') && amount < 0).length;
  }
}

function savingsOf(customer: number): string {
  return `savings:${customer}`;
}

function checkingOf(customer: number): string {
  return `checking:${customer}`;
}

/** Reads both accounts. */
function balance(customer: number): Work {
  return {
    reads: [savingsOf(customer), checkingOf(customer)],
    decide: () => new Map(),
    inLua: { script: BALANCE },
  };
}

function depositChecking(customer: number, _other: number, amount: number): Work {
  const checking = checkingOf(customer);
  return {
    reads: [checking],
    decide: ([now = 0]) => new Map([[checking, now + amount]]),
    inLua: { script: DEPOSIT_CHECKING, args: [amount] },
  };
}

/** Takes out of the savings; declined where they would be less than nothing. */
function transactSavings(customer: number, _other: number, amount: number): Work {
  const savings = savingsOf(customer);
  return {
    reads: [savings],
    decide: ([now = 0]) => (now < amount ? undefined : new Map([[savings, now - amount]])),
    inLua: { script: TRANSACT_SAVINGS, args: [amount] },
  };
}

/** All that a customer has goes to the checking account of another. */
function amalgamate(customer: number, other: number): Work {
  const ids = [savingsOf(customer), checkingOf(customer), checkingOf(other)] as const;
  return {
    reads: ids,
    decide: ([saved = 0, checked = 0, others = 0]) =>
      new Map([
        [ids[0], 0],
        [ids[1], 0],
        [ids[2], others + saved + checked],
      ]),
    inLua: { script: AMALGAMATE },
  };
}

/** Takes out of the checking account, and a penalty where both accounts together do not cover it. */
function writeCheck(customer: number, _other: number, amount: number): Work {
  const checking = checkingOf(customer);
  return {
    reads: [savingsOf(customer), checking],
    decide: ([saved = 0, checked = 0]) => {
      const taken = saved + checked < amount ? amount + PENALTY : amount;
      return new Map([[checking, checked - taken]]);
    },
    inLua: { script: WRITE_CHECK, args: [amount] },
  };
}

/** From one checking account to another; declined where it is not covered. */
function sendPayment(customer: number, other: number, amount: number): Work {
  const ids = [checkingOf(customer), checkingOf(other)] as const;
  return {
    reads: ids,
    decide: ([source = 0, target = 0]) =>
      source < amount
        ? undefined
        : new Map([
            [ids[0], source - amount],
            [ids[1], target + amount],
          ]),
    inLua: { script: SEND_PAYMENT, args: [amount] },
  };
}

export const smallBank: CreateScenario = (customers) => new SmallBank(customers);
