import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findMySql } from '../../tools/servers/mysql.mjs';
import { provideData } from './data-template.js';
import { LocalServer } from './local-server.js';
import { runProgram } from './server-account.js';

export { describeMySql } from './describe-server.js';

export interface MySqlServerOptions {
  /** Whether commits wait for the disk. What was committed survives `kill` either way. @default false */
  readonly fsync?: boolean;
  /** Further arguments of the server, by their names without the dashes. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** What `mysql.createPool(...)` of mysql2 takes. */
export interface MySqlAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** The programs of MySQL or MariaDB, and how they make a data directory. */
export interface MySqlPrograms {
  readonly kind: 'mysql' | 'mariadb';
  readonly server: string;
  readonly client: string;
  readonly initialize: (data: string) => Promise<unknown>;
}

const user = 'dtx';
const password = 'dtx';
const defaultDatabase = 'dtx';

/** Run by the server at each start, before it serves clients. */
const initStatements = [
  `CREATE USER IF NOT EXISTS '${user}'@'%' IDENTIFIED BY '${password}';`,
  `GRANT ALL ON *.* TO '${user}'@'%' WITH GRANT OPTION;`,
  `CREATE DATABASE IF NOT EXISTS ${defaultDatabase};`,
  '',
].join('\n');

/** Settings that are small and need no disk; `loose` ones are of only one of the two servers. */
function settingsOf({ fsync = false, settings }: MySqlServerOptions): Record<string, string> {
  return {
    'bind-address': '127.0.0.1',
    'skip-name-resolve': 'ON',
    'innodb-flush-log-at-trx-commit': fsync ? '1' : '2',
    'sync-binlog': fsync ? '1' : '0',
    'innodb-buffer-pool-size': '32M',
    'loose-innodb-log-file-size': '16M',
    'loose-mysqlx': 'OFF',
    ...settings,
  };
}

function toArguments(settings: Readonly<Record<string, string>>): string[] {
  return Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
}

/** What a server of MySQL and one of MariaDB have in common. */
export abstract class MySqlLikeServer extends LocalServer {
  readonly #client: string;

  protected constructor(programs: MySqlPrograms, options: MySqlServerOptions) {
    const { kind, server, client, initialize } = programs;
    super({
      kind,
      command: server,
      args: ({ port, dir }) => [
        '--no-defaults',
        `--datadir=${join(dir, 'data')}`,
        `--port=${port}`,
        `--socket=${join(dir, 'server.sock')}`,
        `--pid-file=${join(dir, 'server.pid')}`,
        `--init-file=${join(dir, 'init.sql')}`,
        ...toArguments(settingsOf(options)),
      ],
      prepare: async (dir) => {
        await writeFile(join(dir, 'init.sql'), initStatements);
        await provideData(join(dir, 'data'), kind, initialize);
      },
      isReady: ({ log, port }) => new RegExp(`ready for connections[^]*port: ${port}\\b`).test(log),
      stopSignal: 'SIGTERM',
    });
    this.#client = client;
  }

  /** How mysql2 connects to a database, the one that is always there unless told otherwise. */
  address(database = defaultDatabase): MySqlAddress {
    return { host: '127.0.0.1', port: this.port, user, password, database };
  }

  connectionString(database = defaultDatabase): string {
    return `mysql://${user}:${password}@127.0.0.1:${this.port}/${database}`;
  }

  /** Runs statements through the client program; gives the rows, a line each, tabs between columns. */
  async query(sql: string, database = defaultDatabase): Promise<string[]> {
    const connection = ['--protocol=TCP', '--host=127.0.0.1', `--port=${this.port}`];
    const args = ['--no-defaults', ...connection, `--user=${user}`, `--password=${password}`];
    const quiet = ['--batch', '--skip-column-names', `--execute=${sql}`, database];
    const output = await runProgram(this.#client, [...args, ...quiet], { cwd: this.dir });
    return output.split('\n').filter((line) => line !== '');
  }

  /** Makes an empty database of this name and gives its address. */
  async createDatabase(name: string): Promise<MySqlAddress> {
    await this.query(`CREATE DATABASE \`${name}\``);
    return this.address(name);
  }
}

/** A real MySQL on a free port of 127.0.0.1. */
export class MySqlServer extends MySqlLikeServer {
  /** @throws when no MySQL is there, or when it does not serve within thirty seconds. */
  static async start(options: MySqlServerOptions = {}): Promise<MySqlServer> {
    const found = findMySql();
    if (found === undefined) throw new Error('MySQL missing');
    return new MySqlServer(found, options).startAnew();
  }

  private constructor(found: { server: string; client: string }, options: MySqlServerOptions) {
    const initialize = (data: string): Promise<string> => {
      const args = ['--no-defaults', '--initialize-insecure', `--datadir=${data}`];
      return runProgram(found.server, args, { cwd: join(data, '..') });
    };
    super({ ...found, kind: 'mysql', initialize }, options);
  }
}
