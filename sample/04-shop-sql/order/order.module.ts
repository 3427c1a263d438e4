import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { InventoryModule } from '../inventory/inventory.module.js';
import { PaymentModule } from '../payment/payment.module.js';
import { OrderController } from './order.controller.js';
import { Order } from './order.entity.js';
import { OrderService } from './order.service.js';

@Module({
  imports: [TypeOrmModule.forFeature([Order]), InventoryModule, PaymentModule],
  controllers: [OrderController],
  providers: [OrderService],
  exports: [OrderService],
})
export class OrderModule {}
