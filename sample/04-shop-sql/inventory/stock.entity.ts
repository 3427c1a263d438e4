import { TxEntity } from 'nestjs-distributed-tx';

/** How many of a product are left. A counter, so that orders for one product do not conflict. */
@TxEntity({ name: 'stock', id: 'sku', counters: ['available'] })
export class Stock {
  sku!: string;
  available!: number;
}
