/** Nobody is his own friend. */
export class SelfFriendshipError extends Error {
  override readonly name = 'SelfFriendshipError';

  constructor(readonly userId: string) {
    super(`${userId} cannot befriend themselves.`);
  }
}

export class TooManyFriendsError extends Error {
  override readonly name = 'TooManyFriendsError';

  constructor(
    readonly userId: string,
    readonly allowed: number,
  ) {
    super(`${userId} has ${allowed} friends, and no room for more.`);
  }
}
