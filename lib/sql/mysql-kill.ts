import type { SqlRow } from './sql-connection.js';

/**
 * Ends what a connection of MySQL does that was destroyed: a statement that waits for a lock does not notice
 * that nobody waits for it any more. A server that was started anew may have given the same id to somebody
 * else: the port tells.
 *
 * @param ask Runs a statement on another connection.
 * @param threadId What the server called the connection.
 * @param port The local port of the connection.
 */
export async function killMysqlConnection(
  ask: (statement: string) => Promise<readonly SqlRow[]>,
  threadId: number,
  port: number,
): Promise<void> {
  const found = await ask(
    `SELECT id FROM information_schema.processlist WHERE id = ${threadId} AND host LIKE '%:${port}'`,
  );
  if (found.length > 0) await ask(`KILL ${threadId}`);
}
