import { Module } from '@nestjs/common';
import { DistributedTxModule } from 'nestjs-distributed-tx';
import { AccountModule } from './account/account.module.js';
import { CustomerModule } from './customer/customer.module.js';
import { PayrollModule } from './payroll/payroll.module.js';
import { storeOptions } from './store-options.js';
import { Story } from './story.js';
import { TransferModule } from './transfer/transfer.module.js';

@Module({
  imports: [
    DistributedTxModule.forRootAsync({ useFactory: storeOptions }),
    CustomerModule,
    AccountModule,
    TransferModule,
    PayrollModule,
  ],
  providers: [Story],
})
export class BankModule {}
