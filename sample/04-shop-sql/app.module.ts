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
    // Nest closes in the reverse order: what is under way may need the database to end.
    DatabaseModule,
    DistributedTxModule.forRootAsync({ useFactory: storeOptions }),
    InventoryModule,
    PaymentModule,
    OrderModule,
    HealthModule,
    DemoModule,
  ],
})
export class AppModule {}
