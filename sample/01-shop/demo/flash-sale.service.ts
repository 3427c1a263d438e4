import { ConflictException, Injectable } from '@nestjs/common';
import { CounterBoundError, Transactional } from 'nestjs-distributed-tx';
import { CatalogService } from '../catalog/catalog.service.js';
import { InventoryService } from '../inventory/inventory.service.js';
import { OrderService } from '../order/order.service.js';
import type { Account } from '../payment/account.entity.js';
import { PaymentService } from '../payment/payment.service.js';
import { FLASH_SKU } from './demo-data.js';
import type { FlashOutcome, FlashSaleBooks, FlashSaleReport } from './flash-sale.report.js';

const STOCK = 50;
const BUYERS: readonly Account[] = Array.from({ length: 200 }, (_, index) => ({
  id: `flash-buyer-${index + 1}`,
  owner: `Buyer ${index + 1}`,
  balanceCents: 10_000,
}));
const BUYER_IDS = BUYERS.map(({ id }) => id);

/** Sells the last 50 pieces of a product to 200 buyers who all order at the same time. */
@Injectable()
export class FlashSaleService {
  private running = false;

  constructor(
    private readonly catalog: CatalogService,
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
      const { priceCents } = await this.catalog.findOne(FLASH_SKU);
      const before = await this.books();
      const startedAtMs = performance.now();
      const outcomes = await Promise.all(BUYER_IDS.map((id) => this.buy(id)));
      const tookMs = Math.round(performance.now() - startedAtMs);
      const after = await this.books();
      return { ...report({ priceCents, outcomes, before, after }), tookMs };
    } finally {
      this.running = false;
    }
  }

  /** Fills stock and purses. */
  @Transactional()
  private async prepare(): Promise<void> {
    await this.inventory.count(FLASH_SKU, STOCK);
    await this.payment.open(BUYERS);
  }

  /** Stock and money as they stood at one moment: all reads are validated together. */
  @Transactional({ readOnly: true })
  private async books(): Promise<FlashSaleBooks> {
    const [[stock = 0], accounts, till] = await Promise.all([
      this.inventory.availabilityOf([FLASH_SKU]),
      this.payment.accountsOf(BUYER_IDS),
      this.payment.till(),
    ]);
    const buyersCents = accounts.reduce((sum, { balanceCents }) => sum + balanceCents, 0);
    return { stock, buyersCents, takingsCents: till.takingsCents };
  }

  private async buy(customerId: string): Promise<FlashOutcome> {
    try {
      await this.orders.place({ customerId, items: [{ sku: FLASH_SKU, quantity: 1 }] });
      return 'sold';
    } catch (error) {
      if (error instanceof CounterBoundError) return 'refused';
      throw error;
    }
  }
}

function report(sale: {
  readonly priceCents: number;
  readonly outcomes: FlashOutcome[];
  readonly before: FlashSaleBooks;
  readonly after: FlashSaleBooks;
}): Omit<FlashSaleReport, 'tookMs'> {
  const { priceCents, outcomes, before, after } = sale;
  const sold = outcomes.filter((outcome) => outcome === 'sold').length;
  const paidCents = sold * priceCents;
  return {
    sku: FLASH_SKU,
    priceCents,
    buyers: outcomes.length,
    sold,
    refused: outcomes.length - sold,
    before,
    after,
    exact:
      before.stock - sold === after.stock &&
      before.buyersCents - paidCents === after.buyersCents &&
      before.takingsCents + paidCents === after.takingsCents,
    outcomes,
  };
}
