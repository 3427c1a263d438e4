import { TxEntity } from 'nestjs-distributed-tx';
import { ORDER_TTL_MS } from './order.entity.js';

/** The orders of a customer, newest first. An order that has expired is still named for a while. */
@TxEntity({ name: 'order-history', id: 'customerId', ttlMs: ORDER_TTL_MS })
export class OrderHistory {
  customerId!: string;
  orderIds!: string[];
}
