import { Injectable } from '@nestjs/common';
import { InjectTxRepository, Transactional, TxRepository } from 'nestjs-distributed-tx';
import { UserService } from '../user/user.service.js';
import { FriendList } from './friend-list.entity.js';
import { SelfFriendshipError, TooManyFriendsError } from './friendship.errors.js';

export const FRIENDS_MAX = 1000;

/** A friendship is written on both sides, in two lists and two counts, and is never seen on one only. */
@Injectable()
export class FriendshipService {
  constructor(
    @InjectTxRepository(FriendList) private readonly lists: TxRepository<FriendList>,
    private readonly users: UserService,
  ) {}

  /**
   * Does nothing where they are friends already, so it may be asked for twice.
   * @throws SelfFriendshipError, TooManyFriendsError, EntityNotFoundError
   */
  @Transactional()
  async befriend(one: string, other: string): Promise<void> {
    if (one === other) throw new SelfFriendshipError(one);
    const [friendsOfOne, friendsOfOther] = await this.bothLists(one, other);
    if (friendsOfOne.includes(other)) return;
    await this.write(one, [...friendsOfOne, other]);
    await this.write(other, [...friendsOfOther, one]);
    await this.users.count(one, 'friends', 1);
    await this.users.count(other, 'friends', 1);
  }

  /** Does nothing where they are no friends. */
  @Transactional()
  async unfriend(one: string, other: string): Promise<void> {
    const [friendsOfOne, friendsOfOther] = await this.bothLists(one, other);
    if (!friendsOfOne.includes(other)) return;
    await this.write(one, without(other, friendsOfOne));
    await this.write(other, without(one, friendsOfOther));
    await this.users.count(one, 'friends', -1);
    await this.users.count(other, 'friends', -1);
  }

  async friendsOf(userId: string): Promise<string[]> {
    const list = await this.lists.findOne(userId);
    return list?.friendIds ?? [];
  }

  private async bothLists(one: string, other: string): Promise<[string[], string[]]> {
    const [first, second] = await this.lists.findMany([one, other]);
    return [first?.friendIds ?? [], second?.friendIds ?? []];
  }

  private async write(userId: string, friendIds: string[]): Promise<void> {
    if (friendIds.length > FRIENDS_MAX) throw new TooManyFriendsError(userId, FRIENDS_MAX);
    await this.lists.save({ userId, friendIds });
  }
}

function without(id: string, ids: readonly string[]): string[] {
  return ids.filter((each) => each !== id);
}
