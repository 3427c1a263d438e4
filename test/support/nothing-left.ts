import { DistributedTxError } from '../../lib/errors/index.js';
import { Account } from './entities.js';
import { Receipt, type MoneyClient } from './money-client.js';
import type { MoneyServers } from './money-servers.js';
import { poll } from './poll.js';

/**
 * Waits until no transaction holds anything any more on any server, while this client recovers what others left.
 * @throws what is left, when time is over.
 */
export async function nothingLeft(
  servers: MoneyServers,
  client: MoneyClient,
  deadlineMs: number,
): Promise<void> {
  let left: readonly string[] = [];
  try {
    await poll(
      async () => {
        left = await servers.leftovers();
        if (left.length === 0) return true;
        await meet(client, left);
        return undefined;
      },
      { deadlineMs, intervalMs: 100, until: 'nothing is left' },
    );
  } catch (cause) {
    throw new Error(`${String(cause)}:\n${left.join('\n')}`, { cause });
  }
}

/** A lock that its process had no time to note goes when somebody meets it. */
async function meet({ runtime }: MoneyClient, left: readonly string[]): Promise<void> {
  const idsOf = (entity: string): string[] =>
    left.flatMap((text) => new RegExp(`^Redis holds ${entity}:(\\S+)`).exec(text)?.[1] ?? []);
  try {
    await runtime.manager.run(
      async () => {
        await runtime.repository(Account).findMany(idsOf('account'));
        await runtime.repository(Receipt).findMany(idsOf('receipt'));
      },
      { readOnly: true, timeoutMs: 300, retry: { attempts: 1 } },
    );
  } catch (error) {
    if (!(error instanceof DistributedTxError)) throw error;
  }
}
