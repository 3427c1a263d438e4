import type { Redis } from 'ioredis';
import { move } from '../accounts.js';
import { bothOf, parseAccount } from './layouts.js';

/** The transfer as it runs under locks on both accounts: MGET, MSET. */
export async function lockedTransfer(
  redis: Redis,
  from: string,
  to: string,
  amount: number,
): Promise<void> {
  const [sourceJson, targetJson] = bothOf(await redis.mget(from, to), from, to);
  const source = parseAccount(sourceJson);
  const target = parseAccount(targetJson);
  move(source, target, amount);
  await redis.mset(from, JSON.stringify(source), to, JSON.stringify(target));
}
