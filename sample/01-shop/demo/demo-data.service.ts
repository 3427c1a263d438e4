import { Injectable } from '@nestjs/common';
import { Transactional } from 'nestjs-distributed-tx';
import { CatalogService } from '../catalog/catalog.service.js';
import { InventoryService } from '../inventory/inventory.service.js';
import { OrderService } from '../order/order.service.js';
import { PaymentService } from '../payment/payment.service.js';
import { CUSTOMERS, PRODUCTS, STOCK } from './demo-data.js';

@Injectable()
export class DemoDataService {
  constructor(
    private readonly catalog: CatalogService,
    private readonly inventory: InventoryService,
    private readonly payment: PaymentService,
    private readonly orders: OrderService,
  ) {}

  /** The shop as on its first day, whatever an earlier run has left in the store. */
  @Transactional()
  async reset(): Promise<void> {
    await this.catalog.publish(PRODUCTS);
    for (const { sku, available } of STOCK) await this.inventory.count(sku, available);
    await this.payment.startBusiness(CUSTOMERS);
    for (const { id } of CUSTOMERS) await this.orders.forget(id);
  }
}
