import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { InjectTxRepository, Transactional, TxRepository } from 'nestjs-distributed-tx';
import { FollowService } from '../follow/follow.service.js';
import { UserService } from '../user/user.service.js';
import { Feed } from './feed.entity.js';
import { Post } from './post.entity.js';

export const FEED_LENGTH = 100;

@Injectable()
export class FeedService {
  // oxlint-disable-next-line max-params -- Nest injects by position
  constructor(
    @InjectTxRepository(Post) private readonly posts: TxRepository<Post>,
    @InjectTxRepository(Feed) private readonly feeds: TxRepository<Feed>,
    private readonly follows: FollowService,
    private readonly users: UserService,
  ) {}

  /**
   * Writes the post, and its id to the feed of every follower: all of them have it, or none. This is for
   * some hundred followers, which is what one transaction can hold; a star's posts are better
   * gathered when a feed is read.
   * @throws EntityNotFoundError when there is no such author.
   */
  @Transactional()
  async publish(authorId: string, text: string): Promise<Post> {
    const post = await this.posts.insert({ id: randomUUID(), authorId, text });
    const followerIds = await this.follows.followersOf(authorId);
    const feeds = await this.feeds.findMany(followerIds);
    for (const [index, userId] of followerIds.entries()) {
      const postIds = [post.id, ...(feeds[index]?.postIds ?? [])].slice(0, FEED_LENGTH);
      await this.feeds.save({ userId, postIds });
    }
    await this.users.count(authorId, 'posts', 1);
    return post;
  }

  /** What a user is shown, newest first. */
  @Transactional({ readOnly: true })
  async read(userId: string): Promise<Post[]> {
    const feed = await this.feeds.findOne(userId);
    return feed === null ? [] : this.posts.findManyOrFail(feed.postIds);
  }
}
