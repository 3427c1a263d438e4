import { Module } from '@nestjs/common';
import { DistributedTxModule } from 'nestjs-distributed-tx';
import { FeedModule } from './feed/feed.module.js';
import { FollowModule } from './follow/follow.module.js';
import { FriendshipModule } from './friendship/friendship.module.js';
import { storeOptions } from './store-options.js';
import { Story } from './story.js';
import { UserModule } from './user/user.module.js';

@Module({
  imports: [
    DistributedTxModule.forRootAsync({ useFactory: storeOptions }),
    UserModule,
    FriendshipModule,
    FollowModule,
    FeedModule,
  ],
  providers: [Story],
})
export class SocialModule {}
