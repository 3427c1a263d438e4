import { Module } from '@nestjs/common';
import { DistributedTxModule } from 'nestjs-distributed-tx';
import { InventoryController } from './inventory.controller.js';
import { InventoryService } from './inventory.service.js';
import { Product } from './product.entity.js';
import { Stock } from './stock.entity.js';

@Module({
  imports: [DistributedTxModule.forFeature([Product, Stock])],
  controllers: [InventoryController],
  providers: [InventoryService],
  exports: [InventoryService],
})
export class InventoryModule {}
