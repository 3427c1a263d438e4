import { Module } from '@nestjs/common';
import { DistributedTxModule } from 'nestjs-distributed-tx';
import { Account } from './account.entity.js';
import { PaymentController } from './payment.controller.js';
import { PaymentParticipant } from './payment.participant.js';
import { PaymentService } from './payment.service.js';

@Module({
  imports: [DistributedTxModule.forFeature([Account])],
  controllers: [PaymentController],
  providers: [PaymentParticipant, PaymentService],
  exports: [PaymentService],
})
export class PaymentModule {}
