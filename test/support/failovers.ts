import type { RedisCluster } from './redis-cluster.js';
import { linkedUp } from './replicated-redis.js';

/** How a master loses its slots to its replica. */
export const FAILOVER_KINDS = ['killed', 'paused', 'planned'] as const;

export type FailoverKind = (typeof FAILOVER_KINDS)[number];

/** Another node becomes the master of a slot; the former one is its replica when this resolves. */
export async function failOver(
  cluster: RedisCluster,
  slot: number,
  kind: FailoverKind,
): Promise<void> {
  const master = await cluster.agreedMasterOf(slot);
  switch (kind) {
    case 'killed':
      await master.kill();
      await cluster.takenOver(slot, master);
      await master.restart();
      break;
    case 'paused':
      master.pause();
      await cluster.takenOver(slot, master);
      master.resume();
      break;
    case 'planned':
      await cluster.failOver(await cluster.replicaOf(master));
      await cluster.takenOver(slot, master);
      break;
  }
  await linkedUp(master);
}
