import { Module } from '@nestjs/common';
import { DistributedTxModule } from 'nestjs-distributed-tx';
import { Customer } from './customer.entity.js';
import { CustomerService } from './customer.service.js';

@Module({
  imports: [DistributedTxModule.forFeature([Customer])],
  providers: [CustomerService],
  exports: [CustomerService],
})
export class CustomerModule {}
