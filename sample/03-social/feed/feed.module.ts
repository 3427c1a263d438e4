import { Module } from '@nestjs/common';
import { DistributedTxModule } from 'nestjs-distributed-tx';
import { FollowModule } from '../follow/follow.module.js';
import { UserModule } from '../user/user.module.js';
import { Feed } from './feed.entity.js';
import { FeedService } from './feed.service.js';
import { Post } from './post.entity.js';

@Module({
  imports: [DistributedTxModule.forFeature([Post, Feed]), FollowModule, UserModule],
  providers: [FeedService],
  exports: [FeedService],
})
export class FeedModule {}
