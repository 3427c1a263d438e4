import { TxEntity } from 'nestjs-distributed-tx';

/** What an order reads: it is sold at the price that stands when it commits. */
@TxEntity({ name: 'product', id: 'sku' })
export class Product {
  sku!: string;
  name!: string;
  priceCents!: number;
}
