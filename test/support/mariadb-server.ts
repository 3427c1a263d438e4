import { join } from 'node:path';
import { findMariaDb, type MariaDbPrograms } from '../../tools/servers/mariadb.mjs';
import { MySqlLikeServer, type MySqlServerOptions } from './mysql-server.js';
import { runProgram } from './server-account.js';

export { describeMariaDb } from './describe-server.js';

function initialize({ initializer }: MariaDbPrograms, data: string): Promise<string> {
  const access = ['--auth-root-authentication-method=normal', '--skip-test-db'];
  const small = ['--innodb-log-file-size=16M', '--innodb-buffer-pool-size=32M'];
  const folder = join(data, '..');
  // Two of them at a time would take each other's temporary tables away.
  const own = [`--datadir=${data}`, `--tmpdir=${folder}`];
  const args = ['--no-defaults', ...own, ...access, ...small];
  return runProgram(initializer, args, { cwd: folder });
}

/** A real MariaDB on a free port of 127.0.0.1. */
export class MariaDbServer extends MySqlLikeServer {
  /** @throws when no MariaDB is there, or when it does not serve within thirty seconds. */
  static async start(options: MySqlServerOptions = {}): Promise<MariaDbServer> {
    const found = findMariaDb();
    if (found === undefined) throw new Error('MariaDB missing');
    return new MariaDbServer(found, options).startAnew();
  }

  private constructor(found: MariaDbPrograms, options: MySqlServerOptions) {
    const programs = { kind: 'mariadb', server: found.server, client: found.client } as const;
    super({ ...programs, initialize: (data) => initialize(found, data) }, options);
  }
}
