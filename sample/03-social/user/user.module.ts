import { Module } from '@nestjs/common';
import { DistributedTxModule } from 'nestjs-distributed-tx';
import { Profile } from './profile.entity.js';
import { UserService } from './user.service.js';

@Module({
  imports: [DistributedTxModule.forFeature([Profile])],
  providers: [UserService],
  exports: [UserService],
})
export class UserModule {}
