import { Module } from '@nestjs/common';
import { DistributedTxModule } from 'nestjs-distributed-tx';
import { UserModule } from '../user/user.module.js';
import { FriendList } from './friend-list.entity.js';
import { FriendshipService } from './friendship.service.js';

@Module({
  imports: [DistributedTxModule.forFeature([FriendList]), UserModule],
  providers: [FriendshipService],
  exports: [FriendshipService],
})
export class FriendshipModule {}
