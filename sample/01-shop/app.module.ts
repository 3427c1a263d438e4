import { Module } from '@nestjs/common';
import { DistributedTxModule } from 'nestjs-distributed-tx';
import { CatalogModule } from './catalog/catalog.module.js';
import { DemoModule } from './demo/demo.module.js';
import { HealthModule } from './health/health.module.js';
import { OrderModule } from './order/order.module.js';
import { storeOptions } from './store-options.js';

@Module({
  imports: [
    DistributedTxModule.forRootAsync({ useFactory: storeOptions }),
    CatalogModule,
    OrderModule,
    HealthModule,
    DemoModule,
  ],
})
export class AppModule {}
