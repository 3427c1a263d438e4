import { TxEntity } from 'nestjs-distributed-tx';

/** The friends of one user, in the order in which they were made. */
@TxEntity({ name: 'friend-list', id: 'userId' })
export class FriendList {
  userId!: string;
  friendIds!: string[];
}
