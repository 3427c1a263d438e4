import { Module } from '@nestjs/common';
import { AccountModule } from '../account/account.module.js';
import { PayrollService } from './payroll.service.js';

@Module({
  imports: [AccountModule],
  providers: [PayrollService],
  exports: [PayrollService],
})
export class PayrollModule {}
