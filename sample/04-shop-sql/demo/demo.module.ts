import { Module } from '@nestjs/common';
import { InventoryModule } from '../inventory/inventory.module.js';
import { OrderModule } from '../order/order.module.js';
import { PaymentModule } from '../payment/payment.module.js';
import { DemoDataService } from './demo-data.service.js';
import { DemoController } from './demo.controller.js';
import { FlashSaleService } from './flash-sale.service.js';

@Module({
  imports: [InventoryModule, PaymentModule, OrderModule],
  controllers: [DemoController],
  providers: [DemoDataService, FlashSaleService],
})
export class DemoModule {}
