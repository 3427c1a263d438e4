import { Injectable } from '@nestjs/common';
import { InjectTxRepository, Transactional, TxRepository } from 'nestjs-distributed-tx';
import { UserService } from '../user/user.service.js';
import { FollowerPage } from './follower-page.entity.js';

@Injectable()
export class FollowService {
  constructor(
    @InjectTxRepository(FollowerPage) private readonly pages: TxRepository<FollowerPage>,
    private readonly users: UserService,
  ) {}

  /** Does nothing where that is so already. @throws EntityNotFoundError */
  @Transactional()
  async follow(followerId: string, userId: string): Promise<void> {
    const id = FollowerPage.idFor(userId, followerId);
    const page = await this.pages.findOne(id);
    const followerIds = page?.followerIds ?? [];
    if (followerIds.includes(followerId)) return;
    await this.pages.save({ id, followerIds: [...followerIds, followerId] });
    await this.users.count(userId, 'followers', 1);
  }

  /** Does nothing where nobody followed. */
  @Transactional()
  async unfollow(followerId: string, userId: string): Promise<void> {
    const id = FollowerPage.idFor(userId, followerId);
    const page = await this.pages.findOne(id);
    if (!page?.followerIds.includes(followerId)) return;
    page.followerIds = page.followerIds.filter((each) => each !== followerId);
    await this.pages.save(page);
    await this.users.count(userId, 'followers', -1);
  }

  /** All of them; inside a transaction nobody may join or leave before it commits. */
  async followersOf(userId: string): Promise<string[]> {
    const pages = await this.pages.findMany(FollowerPage.allIdsOf(userId));
    return pages.flatMap((page) => page?.followerIds ?? []);
  }
}
