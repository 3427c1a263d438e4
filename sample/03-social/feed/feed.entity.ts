import { TxEntity } from 'nestjs-distributed-tx';

/** The ids of the posts that a user is shown, newest first. */
@TxEntity({ name: 'feed', id: 'userId' })
export class Feed {
  userId!: string;
  postIds!: string[];
}
