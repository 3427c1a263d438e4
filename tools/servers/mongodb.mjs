// MongoDB, only where it is given or installed already: Debian has no package of it.
import { findExecutable, isExecutable } from './executable.mjs';

/**
 * The path of mongod: DTX_MONGODB_SERVER when set, else the one on the PATH. DTX_MONGODB_SERVER=none
 * hides it.
 * @returns {string | undefined}
 */
export function findMongoDbServer() {
  const chosen = process.env['DTX_MONGODB_SERVER'];
  if (chosen) return isExecutable(chosen) ? chosen : undefined;
  return findExecutable(['mongod']);
}

/** @type {import('./servers.mjs').ServerKind} */
export const mongoDb = {
  name: 'MongoDB',
  variable: 'DTX_MONGODB_SERVER',
  find: findMongoDbServer,
};
