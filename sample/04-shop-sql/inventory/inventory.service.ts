import { Injectable } from '@nestjs/common';
import { InjectTxRepository, Transactional, TxRepository } from 'nestjs-distributed-tx';
import { Product } from './product.entity.js';
import type { ProductView } from './product.view.js';
import { Stock } from './stock.entity.js';

/** A product with how many of it there are. */
export type Delivery = Product & Stock;

@Injectable()
export class InventoryService {
  constructor(
    @InjectTxRepository(Product) private readonly products: TxRepository<Product>,
    @InjectTxRepository(Stock) private readonly stock: TxRepository<Stock>,
  ) {}

  /**
   * The price of one of each; inside a transaction it has to be the same when that commits.
   * @throws EntityNotFoundError naming all that are missing.
   */
  async pricesOf(skus: readonly string[]): Promise<number[]> {
    const products = await this.products.findManyOrFail(skus);
    return products.map(({ priceCents }) => priceCents);
  }

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

  /** Sets what the shop has of these products, whatever was there. */
  @Transactional()
  async receive(deliveries: readonly Delivery[]): Promise<void> {
    for (const { sku, name, priceCents, available } of deliveries) {
      await this.products.save({ sku, name, priceCents });
      await this.stock.save({ sku, available });
    }
  }

  @Transactional({ readOnly: true })
  async view(skus: readonly string[]): Promise<ProductView[]> {
    const products = await this.products.findManyOrFail(skus);
    const stock = await this.stock.findManyOrFail(skus);
    return products.map((product, index) => ({
      ...product,
      available: stock[index]!.available,
    }));
  }
}
