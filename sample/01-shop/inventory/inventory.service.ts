import { Injectable } from '@nestjs/common';
import { InjectTxRepository, Transactional, TxRepository } from 'nestjs-distributed-tx';
import { Stock } from './stock.entity.js';

@Injectable()
export class InventoryService {
  constructor(@InjectTxRepository(Stock) private readonly stock: TxRepository<Stock>) {}

  /**
   * Takes items out of stock without reading it: that there are enough is checked when the whole
   * order commits, against what is left then.
   * @throws CounterBoundError when the transaction commits.
   */
  @Transactional()
  async reserve(sku: string, quantity: number): Promise<void> {
    await this.stock.increment(sku, 'available', -quantity, { min: 0 });
  }

  @Transactional()
  async restore(sku: string, quantity: number): Promise<void> {
    await this.stock.increment(sku, 'available', quantity);
  }

  /** Sets what is left, whatever was there. */
  @Transactional()
  async count(sku: string, available: number): Promise<void> {
    await this.stock.save({ sku, available });
  }

  /** What is left of each product, all at one moment; 0 for what is not kept in stock. */
  async availabilityOf(skus: readonly string[]): Promise<number[]> {
    const stock = await this.stock.findMany(skus);
    return stock.map((item) => item?.available ?? 0);
  }
}
