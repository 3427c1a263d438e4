import type { ConnectionOptions } from 'node:tls';
import { ModuleOptionsError } from '../errors/index.js';

export interface IgniteOptions {
  /** `host:port` of the client connectors of some nodes; any one is enough, the others are for when it is gone. */
  readonly endpoints: readonly string[];
  /** The cache that holds everything; made where it is not there. @default 'dtx' */
  readonly cache?: string;
  /** How many copies besides the first one a cache gets that is made. Minimum 1. @default 1 */
  readonly backups?: number;
  readonly username?: string;
  readonly password?: string;
  /** Connects by TLS, with these options of `tls.connect`. @default plain TCP */
  readonly tls?: ConnectionOptions;
}

/** @throws ModuleOptionsError */
export function checkIgniteOptions(options: IgniteOptions): void {
  const { endpoints, cache = 'dtx', backups = 1 } = options;
  const isList = Array.isArray(endpoints) && endpoints.length > 0;
  if (!isList || !endpoints.every((one) => typeof one === 'string' && /:\d{1,5}$/.test(one))) {
    throw new ModuleOptionsError(
      `ignite({ endpoints }) is ${JSON.stringify(endpoints)}; it has to be a list of texts such as '127.0.0.1:10800'.`,
    );
  }
  if (typeof cache !== 'string' || cache === '') {
    throw new ModuleOptionsError(
      `ignite({ cache }) is ${JSON.stringify(cache)}; it has to be a name.`,
    );
  }
  if (!Number.isInteger(backups) || backups < 1) {
    throw new ModuleOptionsError(
      `ignite({ backups }) is ${JSON.stringify(backups)}; it has to be a whole number from 1 on: without a copy a ` +
        'lost node takes acknowledged commits with it.',
    );
  }
}
