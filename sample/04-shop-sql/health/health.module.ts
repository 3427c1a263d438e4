import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { DistributedTxHealthIndicator } from 'nestjs-distributed-tx/terminus';
import { HealthController } from './health.controller.js';

@Module({
  imports: [TerminusModule],
  controllers: [HealthController],
  providers: [DistributedTxHealthIndicator],
})
export class HealthModule {}
