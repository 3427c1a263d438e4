import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { FeedService } from './feed/feed.service.js';
import { FollowService } from './follow/follow.service.js';
import { FriendshipService } from './friendship/friendship.service.js';
import { UserService } from './user/user.service.js';

/** An evening on the network, told line by line. */
@Injectable()
export class Story {
  /** Keeps the users of this run apart from those that an earlier one has left in the store. */
  private readonly run = randomUUID();

  constructor(
    private readonly users: UserService,
    private readonly friendships: FriendshipService,
    private readonly follows: FollowService,
    private readonly feeds: FeedService,
  ) {}

  async *tell(): AsyncGenerator<string> {
    for (const name of ['Ann', 'Bob', 'Cho']) await this.users.join(this.id(name), name);
    yield '\nFriends';
    yield* this.friends();
    yield '\nA hundred new followers at once';
    yield* this.followers();
    yield '\nA post';
    yield* this.post();
  }

  private async *friends(): AsyncGenerator<string> {
    const ann = this.id('Ann');
    const bob = this.id('Bob');
    const cho = this.id('Cho');
    await Promise.all([
      this.friendships.befriend(ann, bob),
      this.friendships.befriend(bob, ann),
      this.friendships.befriend(cho, ann),
      this.friendships.befriend(bob, cho),
    ]);
    yield '  Ann and Bob befriend each other at the same moment, and both befriend Cho:';
    for (const name of ['Ann', 'Bob', 'Cho']) yield `  ${await this.circleOf(name)}`;
    await this.friendships.unfriend(bob, ann);
    yield '  Bob and Ann part:';
    for (const name of ['Ann', 'Bob', 'Cho']) yield `  ${await this.circleOf(name)}`;
  }

  private async *followers(): AsyncGenerator<string> {
    const ann = this.id('Ann');
    const fans = Array.from({ length: 100 }, (_, index) => this.id(`Fan ${index + 1}`));
    await Promise.all(fans.map((fan) => this.follows.follow(fan, ann)));
    const { followers } = await this.users.profile(ann);
    const listed = await this.follows.followersOf(ann);
    yield `  Ann's profile counts ${followers}, and ${new Set(listed).size} are listed.`;
  }

  private async *post(): AsyncGenerator<string> {
    await this.feeds.publish(this.id('Ann'), 'Hello, everybody!');
    const feeds = await Promise.all(
      Array.from({ length: 100 }, (_, index) => this.feeds.read(this.id(`Fan ${index + 1}`))),
    );
    const reached = feeds.filter(([newest]) => newest?.text === 'Hello, everybody!');
    yield `  Ann says hello; ${reached.length} feeds of 100 show it.`;
  }

  private async circleOf(name: string): Promise<string> {
    const id = this.id(name);
    const [{ friends }, friendIds] = await Promise.all([
      this.users.profile(id),
      this.friendships.friendsOf(id),
    ]);
    const names = friendIds.map((friendId) => friendId.slice(this.run.length + 1));
    return `  ${name} has ${friends}: ${names.toSorted().join(', ')}`;
  }

  private id(name: string): string {
    return `${this.run}:${name}`;
  }
}
