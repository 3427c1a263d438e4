import { TxEntity } from 'nestjs-distributed-tx';

export const PAGES = 16;

/**
 * A part of somebody's followers. A list is one item, and two who change it at once conflict; spread
 * over pages by the follower's id, those who follow a star at the same moment mostly do not meet.
 */
@TxEntity({ name: 'follower-page' })
export class FollowerPage {
  id!: string;
  followerIds!: string[];

  static idFor(userId: string, followerId: string): string {
    let hash = 0;
    for (const character of followerId) hash = (hash * 31 + character.codePointAt(0)!) >>> 0;
    return `${userId}/${hash % PAGES}`;
  }

  static allIdsOf(userId: string): string[] {
    return Array.from({ length: PAGES }, (_, page) => `${userId}/${page}`);
  }
}
