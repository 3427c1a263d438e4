import { Module } from '@nestjs/common';
import { DistributedTxModule } from 'nestjs-distributed-tx';
import { UserModule } from '../user/user.module.js';
import { FollowService } from './follow.service.js';
import { FollowerPage } from './follower-page.entity.js';

@Module({
  imports: [DistributedTxModule.forFeature([FollowerPage]), UserModule],
  providers: [FollowService],
  exports: [FollowService],
})
export class FollowModule {}
