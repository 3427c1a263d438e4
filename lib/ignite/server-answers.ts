import client from 'apache-ignite-client';
import { StoreRefusedError } from '../errors/index.js';

/**
 * What the server says before it has begun, and what to do then; of any other error it may have done a part on some
 * node.
 */
const refusals: readonly (readonly [says: RegExp, remedy: string])[] = [
  [/cluster is inactive|deactivat|not active/i, 'Activate the cluster.'],
  [/read-?only/i, 'Set the state of the cluster to ACTIVE.'],
  [
    /partition.*lost|lost partition/i,
    'Bring the lost nodes back, and reset the lost partitions of the cache.',
  ],
  [/does not exist/i, 'Start the application anew: it makes the cache.'],
  [/out of memory/i, 'Give the data region of the cache more memory, or the cluster more nodes.'],
  [
    /authoriz|permission|authenticat|user name or password/i,
    'Check ignite({ username, password }) and what that user may do.',
  ],
];

export function isServerError(error: unknown): error is Error {
  return error instanceof client.Errors.OperationError;
}

/** Whether nothing has happened for it. */
export function isRefusal({ message }: Error): boolean {
  return remedyFor(message) !== undefined;
}

export function refusalOf(error: Error): StoreRefusedError {
  const remedy = remedyFor(error.message) ?? 'See the log of the node.';
  return new StoreRefusedError(`Ignite refused the request: ${error.message} ${remedy}`, {
    cause: error,
  });
}

function remedyFor(message: string): string | undefined {
  return refusals.find(([says]) => says.test(message))?.[1];
}
