import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { Test, type TestingModule } from '@nestjs/testing';
import { EntityNotFoundError, TransactionManager } from 'nestjs-distributed-tx';
import { describeOnEveryStore } from '../../test/support/every-store.js';
import { withSeed } from '../../test/support/seeded-random.js';
import { FEED_LENGTH, FeedService } from './feed/feed.service.js';
import { FollowService } from './follow/follow.service.js';
import { SelfFriendshipError } from './friendship/friendship.errors.js';
import { FriendshipService } from './friendship/friendship.service.js';
import { SocialModule } from './social.module.js';
import { Story } from './story.js';
import { UserService } from './user/user.service.js';

/** The promises of the network, on the store that the environment names at that time. */
function describePromises(): void {
  let module: TestingModule;
  let users: UserService;
  let friendships: FriendshipService;
  let follows: FollowService;
  let feeds: FeedService;
  let ids: string[];

  beforeAll(async () => {
    module = await Test.createTestingModule({ imports: [SocialModule] }).compile();
    await module.init();
    users = module.get(UserService);
    friendships = module.get(FriendshipService);
    follows = module.get(FollowService);
    feeds = module.get(FeedService);
  });
  afterAll(() => module.close());

  beforeEach(async () => {
    const run = randomUUID();
    ids = Array.from({ length: 6 }, (_, index) => `${run}-${index}`);
    for (const id of ids) await users.join(id, id);
  });

  /** All friend lists and counts, as they stood at one moment. */
  const network = () =>
    module.get(TransactionManager).run(
      () =>
        Promise.all(
          ids.map(async (id) => {
            const [profile, friends] = await Promise.all([
              users.profile(id),
              friendships.friendsOf(id),
            ]);
            return { id, count: profile.friends, friends };
          }),
        ),
      { readOnly: true, retry: { attempts: 100 } },
    );

  const expectSymmetry = (people: Awaited<ReturnType<typeof network>>): void => {
    const friendsOf = new Map(people.map(({ id, friends }) => [id, friends]));
    for (const { id, count, friends } of people) {
      expect(count).toBe(friends.length);
      expect(new Set(friends).size).toBe(friends.length);
      for (const friend of friends) expect(friendsOf.get(friend)).toContain(id);
    }
  };

  it('writes a friendship on both sides, and takes it back on both', async () => {
    const [ann, bob] = ids as [string, string];
    await friendships.befriend(ann, bob);
    await friendships.befriend(bob, ann);
    expect(await friendships.friendsOf(ann)).toEqual([bob]);
    expect(await friendships.friendsOf(bob)).toEqual([ann]);
    expect((await users.profile(ann)).friends).toBe(1);

    await friendships.unfriend(bob, ann);
    await friendships.unfriend(bob, ann);
    expect(await friendships.friendsOf(ann)).toEqual([]);
    expect((await users.profile(bob)).friends).toBe(0);
  });

  it('is symmetric whenever somebody looks, whatever goes on', async () => {
    await withSeed('symmetry', async (random) => {
      let running = true;
      const looks: Awaited<ReturnType<typeof network>>[] = [];
      const look = async (): Promise<void> => {
        while (running) {
          looks.push(await network());
          await new Promise((resolve) => setImmediate(resolve));
        }
      };
      const change = async (): Promise<void> => {
        for (let step = 0; step < 25; step++) {
          const [one, other] = random.shuffle(ids) as [string, string];
          if (random.chance(0.6)) await friendships.befriend(one, other);
          else await friendships.unfriend(one, other);
        }
      };

      const looking = look();
      await Promise.all([change(), change(), change(), change()]);
      running = false;
      await looking;

      expect(looks.length).toBeGreaterThan(0);
      for (const people of looks) expectSymmetry(people);
      expectSymmetry(await network());
    });
  });

  it('refuses friendships with oneself and with nobody, and writes nothing', async () => {
    const [ann] = ids as [string];
    await expect(friendships.befriend(ann, ann)).rejects.toThrow(SelfFriendshipError);
    await expect(friendships.befriend(ann, 'nobody')).rejects.toThrow(EntityNotFoundError);

    expect(await friendships.friendsOf(ann)).toEqual([]);
    expect(await friendships.friendsOf('nobody')).toEqual([]);
    expect((await users.profile(ann)).friends).toBe(0);
  });

  it('counts every follower when many come and go at once', async () => {
    const [star] = ids as [string];
    const fans = Array.from({ length: 60 }, (_, index) => `${star}-fan-${index}`);
    await Promise.all(fans.map((fan) => follows.follow(fan, star)));
    expect((await users.profile(star)).followers).toBe(60);
    expect(new Set(await follows.followersOf(star))).toEqual(new Set(fans));

    const leaving = fans.slice(0, 20);
    await Promise.all([
      ...leaving.map((fan) => follows.unfollow(fan, star)),
      ...fans.slice(40).map((fan) => follows.follow(fan, star)),
    ]);
    expect((await users.profile(star)).followers).toBe(40);
    expect(new Set(await follows.followersOf(star))).toEqual(new Set(fans.slice(20)));
  });

  it('shows a post in the feed of every follower', async () => {
    const [author, ...fans] = ids as [string, ...string[]];
    for (const fan of fans) await follows.follow(fan, author);

    const post = await feeds.publish(author, 'Hello');

    for (const fan of fans) expect(await feeds.read(fan)).toEqual([post]);
    expect(await feeds.read(author)).toEqual([]);
    expect((await users.profile(author)).posts).toBe(1);
  });

  it('loses no post when several authors write to the same feeds', async () => {
    const [first, second, ...fans] = ids as [string, string, ...string[]];
    for (const fan of fans) {
      await follows.follow(fan, first);
      await follows.follow(fan, second);
    }

    const posts = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        feeds.publish(index % 2 === 0 ? first : second, `Post ${index}`),
      ),
    );

    const feedsOfFans = await Promise.all(fans.map((fan) => feeds.read(fan)));
    for (const feed of feedsOfFans) {
      expect(new Set(feed.map(({ id }) => id))).toEqual(new Set(posts.map(({ id }) => id)));
      expect(feed).toEqual(feedsOfFans[0]);
    }
  });

  it('keeps a feed at its length', async () => {
    const [author, fan] = ids as [string, string];
    await follows.follow(fan, author);
    for (let index = 0; index < FEED_LENGTH + 3; index++) {
      await feeds.publish(author, `Post ${index}`);
    }

    const feed = await feeds.read(fan);
    expect(feed).toHaveLength(FEED_LENGTH);
    expect(feed[0]?.text).toBe(`Post ${FEED_LENGTH + 2}`);
  });

  it('writes nothing at all of a post by nobody', async () => {
    const [fan] = ids as [string];
    const nobody = `${fan}-nobody`;

    await expect(feeds.publish(nobody, 'Hello')).rejects.toThrow(EntityNotFoundError);
    expect(await feeds.read(fan)).toEqual([]);
  });

  it('tells its story', async () => {
    const lines: string[] = [];
    for await (const line of module.get(Story).tell()) lines.push(line);
    expect(lines.at(-1)).toBe('  Ann says hello; 100 feeds of 100 show it.');
  });
}

describeOnEveryStore('The network', describePromises);
