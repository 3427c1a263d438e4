import { Module } from '@nestjs/common';
import { DistributedTxModule } from 'nestjs-distributed-tx';
import { Account } from './account.entity.js';
import { CustomerList } from './customer-list.entity.js';
import { PaymentController } from './payment.controller.js';
import { PaymentService } from './payment.service.js';
import { Till } from './till.entity.js';

@Module({
  imports: [DistributedTxModule.forFeature([Account, Till, CustomerList])],
  controllers: [PaymentController],
  providers: [PaymentService],
  exports: [PaymentService],
})
export class PaymentModule {}
