import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findPostgresBin } from '../../tools/servers/postgres.mjs';
import { provideData } from './data-template.js';
import { LocalServer, type RunningServer } from './local-server.js';
import { runProgram } from './server-account.js';

export { describePostgres } from './describe-server.js';

export interface PostgresServerOptions {
  /** Whether commits wait for the disk. What was committed survives `kill` either way. @default false */
  readonly fsync?: boolean;
  /** How many transactions may be prepared at a time; 0 refuses PREPARE TRANSACTION. @default 10 */
  readonly maxPreparedTransactions?: number;
  /** Further settings of postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** What `new pg.Pool(...)` takes. */
export interface PostgresAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

const superuser = 'postgres';
const password = 'postgres';
const defaultDatabase = 'postgres';
const statusLine = 7;

function settingsOf(options: PostgresServerOptions, port: number): Record<string, string> {
  const { fsync = false, maxPreparedTransactions = 10, settings } = options;
  return {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    fsync: fsync ? 'on' : 'off',
    max_prepared_transactions: String(maxPreparedTransactions),
    shared_buffers: '16MB',
    ...settings,
    port: String(port),
  };
}

/** PostgreSQL says in its pid file which process serves, and since when it does. */
function isReady({ dir, pid }: RunningServer): boolean {
  try {
    const lines = readFileSync(join(dir, 'data', 'postmaster.pid'), 'utf8').split('\n');
    return Number(lines[0]) === pid && lines[statusLine]?.trim() === 'ready';
  } catch {
    return false;
  }
}

function initialize(bin: string, data: string): Promise<string> {
  const access = ['--username', superuser, '--auth', 'trust'];
  const kind = ['--encoding', 'UTF8', '--locale', 'C', '--no-sync'];
  return runProgram(join(bin, 'initdb'), ['--pgdata', data, ...access, ...kind], {
    cwd: join(data, '..'),
  });
}

/** A real PostgreSQL on a free port of 127.0.0.1; its superuser may enter without a password. */
export class PostgresServer extends LocalServer {
  readonly #bin: string;

  /** @throws when no PostgreSQL is there, or when it does not serve within thirty seconds. */
  static async start(options: PostgresServerOptions = {}): Promise<PostgresServer> {
    const bin = findPostgresBin();
    if (bin === undefined) throw new Error('PostgreSQL missing');
    return new PostgresServer(bin, options).startAnew();
  }

  private constructor(bin: string, options: PostgresServerOptions) {
    super({
      kind: 'postgres',
      command: join(bin, 'postgres'),
      args: ({ port, dir }) => [
        '-D',
        join(dir, 'data'),
        ...Object.entries(settingsOf(options, port)).flatMap(([key, value]) => [
          '-c',
          `${key}=${value}`,
        ]),
      ],
      prepare: (dir) => provideData(join(dir, 'data'), 'postgres', (data) => initialize(bin, data)),
      isReady,
      stopSignal: 'SIGINT',
    });
    this.#bin = bin;
  }

  /** How `pg` connects to a database, the one that is always there unless told otherwise. */
  address(database = defaultDatabase): PostgresAddress {
    return { host: '127.0.0.1', port: this.port, user: superuser, password, database };
  }

  connectionString(database = defaultDatabase): string {
    return `postgresql://${superuser}:${password}@127.0.0.1:${this.port}/${database}`;
  }

  /**
   * Runs statements through psql, in one transaction unless they say otherwise; gives the rows, a line
   * each, `|` between columns.
   */
  async query(sql: string, database = defaultDatabase): Promise<string[]> {
    const quiet = ['--no-psqlrc', '--quiet', '--tuples-only', '--no-align'];
    const args = [...quiet, '--set', 'ON_ERROR_STOP=1', '--command', sql];
    const connection = ['--dbname', this.connectionString(database)];
    const output = await runProgram(join(this.#bin, 'psql'), [...connection, ...args], {
      cwd: this.dir,
    });
    return output.split('\n').filter((line) => line !== '');
  }

  /** Makes an empty database of this name and gives its address. */
  async createDatabase(name: string): Promise<PostgresAddress> {
    await this.query(`CREATE DATABASE "${name}"`);
    return this.address(name);
  }
}
