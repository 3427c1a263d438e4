import { Module } from '@nestjs/common';
import { DistributedTxModule } from 'nestjs-distributed-tx';
import { InventoryModule } from '../inventory/inventory.module.js';
import { CatalogController } from './catalog.controller.js';
import { Catalog } from './catalog.entity.js';
import { CatalogService } from './catalog.service.js';
import { Product } from './product.entity.js';

@Module({
  imports: [DistributedTxModule.forFeature([Product, Catalog]), InventoryModule],
  controllers: [CatalogController],
  providers: [CatalogService],
  exports: [CatalogService],
})
export class CatalogModule {}
