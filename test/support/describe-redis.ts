import { findRedisServer } from '../../tools/redis-binary.mjs';
import { missingRedisMark } from '../../tools/totals.mjs';

/** A suite that needs a real server: skipped, and said so in its title, where there is none. */
export function describeRedis(title: string, define: () => void): void {
  if (findRedisServer() === undefined) {
    describe.skip(`${title} (${missingRedisMark})`, define);
  } else {
    describe(title, define);
  }
}
