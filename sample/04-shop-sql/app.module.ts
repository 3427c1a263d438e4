import { Module } from '@nestjs/common';
import { DistributedTxModule } from 'nestjs-distributed-tx';
import { DatabaseModule } from './database/database.module.js';
import { DemoModule } from './demo/demo.module.js';
import { HealthModule } from './health/health.module.js';
import { InventoryModule } from './inventory/inventory.module.js';
import { OrderModule } from './order/order.module.js';
import { PaymentModule } from './payment/payment.module.js';
import { storeOptions } from './store-options.js';

@Module({
  imports: [
    DistributedTxModule.forRootAsync({ useFactory: storeOptions }),
    DatabaseModule,
    InventoryModule,
    PaymentModule,
    OrderModule,
    HealthModule,
    DemoModule,
  ],
})
export class AppModule {}
