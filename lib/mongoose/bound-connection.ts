import type { Connection } from 'mongoose';
import { ModuleOptionsError, ParticipantUsageError } from '../errors/index.js';
import { boundCollection } from './bound-collection.js';
import type { MongooseBranch } from './mongoose-branch.js';

/** What mongoose calls to reach the collection of the driver. */
interface MongooseCollection {
  _getCollection(): object | null;
}

type Method = (...args: unknown[]) => unknown;

/**
 * Has the models and collections of this connection follow transactions; answers what undoes it. Prototypes stay
 * as they are: other connections are not touched.
 *
 * @throws ModuleOptionsError for a mongoose that is too different.
 */
export function bindConnection(
  connection: Connection,
  name: string,
  current: () => MongooseBranch | undefined,
): () => void {
  const bound = new Set<MongooseCollection>();
  const bind = (collection: MongooseCollection): void => {
    if (bound.has(collection)) return;
    if (typeof collection._getCollection !== 'function') {
      throw new ModuleOptionsError(`Participant ${name} needs mongoose 8 or 9.`);
    }
    const own = collection._getCollection.bind(collection);
    bound.add(collection);
    collection._getCollection = () => {
      const found = own();
      return found && boundCollection(found, current);
    };
  };
  const methods = {
    collection(...args: unknown[]) {
      const collection = call(connection, 'collection', args) as MongooseCollection;
      bind(collection);
      return collection;
    },
    transaction(...args: unknown[]) {
      const branch = current();
      if (branch === undefined) return call(connection, 'transaction', args);
      return branch.join(async (session) => (args[0] as Method)(session));
    },
    bulkWrite(...args: unknown[]) {
      if (current() === undefined) return call(connection, 'bulkWrite', args);
      throw new ParticipantUsageError(
        `bulkWrite() of the connection of ${name} cannot take part in a transaction. Use bulkWrite() of the models.`,
      );
    },
  };
  for (const collection of Object.values(connection.collections)) {
    bind(collection as unknown as MongooseCollection);
  }
  Object.assign(connection, methods);
  return () => {
    for (const property of Object.keys(methods)) Reflect.deleteProperty(connection, property);
    for (const collection of bound) Reflect.deleteProperty(collection, '_getCollection');
  };
}

/** As its prototype does it. */
function call(connection: Connection, method: string, args: readonly unknown[]): unknown {
  const prototype = Object.getPrototypeOf(connection) as Record<string, Method>;
  return Reflect.apply(prototype[method]!, connection, args);
}
