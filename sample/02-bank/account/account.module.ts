import { Module } from '@nestjs/common';
import { DistributedTxModule } from 'nestjs-distributed-tx';
import { CustomerModule } from '../customer/customer.module.js';
import { Account } from './account.entity.js';
import { AccountService } from './account.service.js';

@Module({
  imports: [DistributedTxModule.forFeature([Account]), CustomerModule],
  providers: [AccountService],
  exports: [AccountService],
})
export class AccountModule {}
