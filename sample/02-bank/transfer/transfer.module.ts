import { Module } from '@nestjs/common';
import { DistributedTxModule } from 'nestjs-distributed-tx';
import { AccountModule } from '../account/account.module.js';
import { NotificationModule } from '../notification/notification.module.js';
import { RiskModule } from '../risk/risk.module.js';
import { Transfer } from './transfer.entity.js';
import { TransferService } from './transfer.service.js';

@Module({
  imports: [
    DistributedTxModule.forFeature([Transfer]),
    AccountModule,
    RiskModule,
    NotificationModule,
  ],
  providers: [TransferService],
  exports: [TransferService, NotificationModule, RiskModule],
})
export class TransferModule {}
