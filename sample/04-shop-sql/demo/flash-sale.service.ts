import { ConflictException, Injectable } from '@nestjs/common';
import { CounterBoundError, Transactional } from 'nestjs-distributed-tx';
import { InventoryService } from '../inventory/inventory.service.js';
import { OrderService } from '../order/order.service.js';
import { PaymentService, TILL } from '../payment/payment.service.js';
import { DELIVERIES, FLASH_SKU } from './demo-data.js';
import type { FlashSaleBooks, FlashSaleReport } from './flash-sale.report.js';

export const BUYER_IDS = Array.from({ length: 200 }, (_, index) => `flash-buyer-${index + 1}`);
export const PURSE_CENTS = 10_000;

/** Sells the last 50 pieces of a product to 200 buyers who all order at the same time. */
@Injectable()
export class FlashSaleService {
  private running = false;

  constructor(
    private readonly inventory: InventoryService,
    private readonly payment: PaymentService,
    private readonly orders: OrderService,
  ) {}

  /** @throws ConflictException while another one is running. */
  async run(): Promise<FlashSaleReport> {
    if (this.running) throw new ConflictException('A flash sale is running already.');
    this.running = true;
    try {
      await this.prepare();
      const [priceCents = 0] = await this.inventory.pricesOf([FLASH_SKU]);
      const before = await this.books();
      const startedAtMs = performance.now();
      const bought = await Promise.all(BUYER_IDS.map((id) => this.buy(id)));
      const tookMs = Math.round(performance.now() - startedAtMs);
      const after = await this.books();
      const sold = bought.filter(Boolean).length;
      const exact = isExact(before, after, sold, priceCents);
      const [buyers, refused] = [bought.length, bought.length - sold];
      return { priceCents, buyers, sold, refused, before, after, exact, tookMs };
    } finally {
      this.running = false;
    }
  }

  /** Fills stock and purses. */
  @Transactional()
  async prepare(): Promise<void> {
    await this.inventory.receive(DELIVERIES.filter(({ sku }) => sku === FLASH_SKU));
    await this.payment.open(Object.fromEntries(BUYER_IDS.map((id) => [id, PURSE_CENTS])));
  }

  /**
   * Stock and money as they stood at one moment, and the rows as PostgreSQL had them at about the same:
   * each of the two is consistent in itself.
   */
  @Transactional({ readOnly: true })
  async books(): Promise<FlashSaleBooks> {
    const [product] = await this.inventory.view([FLASH_SKU]);
    const buyers = await this.payment.accountsOf(BUYER_IDS);
    const till = await this.payment.account(TILL);
    return {
      stock: product!.available,
      buyersCents: sum(buyers.map(({ balanceCents }) => balanceCents)),
      // An order that is decided is answered; its payment is captured right after that.
      takingsCents: till.balanceCents + sum(buyers.map(({ reservedCents }) => reservedCents)),
      orders: await this.orders.count(),
    };
  }

  /** Whether there was one left. */
  private async buy(customerId: string): Promise<boolean> {
    try {
      await this.orders.place({ customerId, items: [{ sku: FLASH_SKU, quantity: 1 }] });
      return true;
    } catch (error) {
      if (error instanceof CounterBoundError) return false;
      throw error;
    }
  }
}

function isExact(
  before: FlashSaleBooks,
  after: FlashSaleBooks,
  sold: number,
  priceCents: number,
): boolean {
  return (
    before.stock - sold === after.stock &&
    before.orders + sold === after.orders &&
    before.buyersCents - sold * priceCents === after.buyersCents &&
    before.takingsCents + sold * priceCents === after.takingsCents
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
