import { Module } from '@nestjs/common';
import { DistributedTxModule } from 'nestjs-distributed-tx';
import { AccountModule } from '../account/account.module.js';
import { DailyOutflow } from './daily-outflow.entity.js';
import { RiskService } from './risk.service.js';

@Module({
  imports: [DistributedTxModule.forFeature([DailyOutflow]), AccountModule],
  providers: [RiskService],
  exports: [RiskService],
})
export class RiskModule {}
