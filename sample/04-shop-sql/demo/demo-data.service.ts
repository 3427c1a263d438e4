import { Injectable } from '@nestjs/common';
import { Transactional } from 'nestjs-distributed-tx';
import { InventoryService } from '../inventory/inventory.service.js';
import { OrderService } from '../order/order.service.js';
import { PaymentService } from '../payment/payment.service.js';
import { BALANCES, DELIVERIES } from './demo-data.js';

@Injectable()
export class DemoDataService {
  constructor(
    private readonly inventory: InventoryService,
    private readonly payment: PaymentService,
    private readonly orders: OrderService,
  ) {}

  /** The shop as on its first day, whatever an earlier run has left behind. */
  @Transactional()
  async reset(): Promise<void> {
    await this.inventory.receive(DELIVERIES);
    await this.payment.open(BALANCES);
    await this.orders.forgetAll();
  }
}
