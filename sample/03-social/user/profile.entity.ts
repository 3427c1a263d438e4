import { TxEntity } from 'nestjs-distributed-tx';

/**
 * What a page shows above the posts. The counts are counters: a thousand people can follow somebody at
 * the same time without being in each other's way.
 */
@TxEntity({ name: 'profile', counters: ['friends', 'followers', 'posts'] })
export class Profile {
  id!: string;
  name!: string;
  friends!: number;
  followers!: number;
  posts!: number;
}

export type ProfileCount = 'friends' | 'followers' | 'posts';
