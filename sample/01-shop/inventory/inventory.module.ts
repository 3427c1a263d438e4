import { Module } from '@nestjs/common';
import { DistributedTxModule } from 'nestjs-distributed-tx';
import { InventoryService } from './inventory.service.js';
import { Stock } from './stock.entity.js';

@Module({
  imports: [DistributedTxModule.forFeature([Stock])],
  providers: [InventoryService],
  exports: [InventoryService],
})
export class InventoryModule {}
