import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findRedisServer } from '../../tools/servers/redis.mjs';
import { freePort } from './free-port.js';
import { GuardedProcess } from './guarded-process.js';
import { poll } from './poll.js';
import { redisCommand, RedisReplyError, type Reply } from './redis-command.js';

export { describeRedis } from './describe-server.js';
export { findRedisServer };

export interface RedisServerOptions {
  /** Lines of redis.conf. Without any, nothing is persisted. An empty value is written as `""`. */
  readonly config?: Readonly<Record<string, string>>;
  /** Watches over other servers instead of holding data. */
  readonly sentinel?: boolean;
  /** Path of the server binary. */
  readonly binary?: string;
  /** The working folder. One that is given is kept by `stop`; else a temporary one is made. */
  readonly dir?: string;
}

interface Settings {
  readonly config: Readonly<Record<string, string>>;
  readonly args: readonly string[];
  readonly binary: string;
  readonly dir: string;
  /** Whether the folder belongs to someone else, who removes it. */
  readonly keepsDir: boolean;
}

const startDeadlineMs = 10_000;
const stopDeadlineMs = 5_000;
const portAttemptsMax = 5;
const defaultConfig = { save: '', appendonly: 'no', bind: '127.0.0.1' };

class PortTakenError extends Error {}

/** A real server on a free port of 127.0.0.1, with its own folder, gone when its owner is gone. */
export class RedisServer {
  readonly port: number;
  readonly dir: string;
  readonly #settings: Settings;
  #process: GuardedProcess | undefined;

  /** @throws when no binary is there, or when it does not answer within ten seconds. */
  static async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    const binary = options.binary ?? findRedisServer();
    if (binary === undefined) throw new Error('redis-server missing');
    const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'dtx-redis-')));
    const clustered = options.config?.['cluster-enabled'] === 'yes';
    for (let attempt = 1; ; attempt += 1) {
      const server = new RedisServer(await freePort({ clustered }), {
        args: options.sentinel === true ? ['redis.conf', '--sentinel'] : ['redis.conf'],
        binary,
        dir,
        config: options.config ?? {},
        keepsDir: options.dir !== undefined,
      });
      try {
        await server.#launch();
        return server;
      } catch (error) {
        if (error instanceof PortTakenError && attempt < portAttemptsMax) continue;
        await server.stop();
        throw error;
      }
    }
  }

  private constructor(port: number, settings: Settings) {
    this.port = port;
    this.dir = settings.dir;
    this.#settings = settings;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** @throws when the server is not running. */
  get pid(): number {
    if (!this.isRunning) throw new Error(`The server on port ${this.port} is not running`);
    return this.#running.pid;
  }

  get isRunning(): boolean {
    return this.#process !== undefined && !this.#process.hasExited;
  }

  /** Sends one command over a connection of its own. */
  command(...args: string[]): Promise<Reply> {
    return redisCommand(this.port, args);
  }

  /** SIGTERM, SIGKILL at the deadline; then removes the temporary folder. */
  async stop(): Promise<void> {
    await this.#shutDown();
    if (!this.#settings.keepsDir) await rm(this.dir, { recursive: true, force: true });
  }

  /** kill -9: a crash. Folder and port stay for `restart`. */
  async kill(): Promise<void> {
    await this.#process?.end('SIGKILL', stopDeadlineMs);
  }

  /** SIGSTOP: the server keeps its connections and answers nothing. */
  pause(): void {
    this.#running.signal('SIGSTOP');
  }

  resume(): void {
    this.#running.signal('SIGCONT');
  }

  /** Starts again on the same port and folder, after a clean stop if it is still running. */
  async restart(): Promise<void> {
    await this.#shutDown();
    await poll(
      async () => {
        try {
          await this.#launch();
          return true;
        } catch (error) {
          if (error instanceof PortTakenError) return undefined;
          throw error;
        }
      },
      { deadlineMs: startDeadlineMs, intervalMs: 100, until: `port ${this.port} is free again` },
    );
  }

  get #running(): GuardedProcess {
    if (this.#process === undefined) throw new Error('The server was never started');
    return this.#process;
  }

  async #shutDown(): Promise<void> {
    this.#process?.signal('SIGCONT');
    await this.#process?.end('SIGTERM', stopDeadlineMs);
  }

  async #launch(): Promise<void> {
    await writeFile(join(this.dir, 'redis.conf'), this.#configFile());
    await writeFile(join(this.dir, 'redis.log'), '');
    const { binary, args } = this.#settings;
    this.#process = await GuardedProcess.start(binary, args, this.dir);
    try {
      await poll(() => this.#answers(), {
        deadlineMs: startDeadlineMs,
        until: `the server on port ${this.port} answers`,
      });
    } catch (error) {
      await this.kill();
      throw error;
    }
  }

  #configFile(): string {
    const own = { port: String(this.port), dir: this.dir, logfile: join(this.dir, 'redis.log') };
    const lines = { ...defaultConfig, ...this.#settings.config, ...own };
    return Object.entries(lines)
      .map(([name, value]) => `${name} ${value === '' ? '""' : value}\n`)
      .join('');
  }

  async #answers(): Promise<true | undefined> {
    if (!this.isRunning) throw await this.#startError();
    try {
      await this.command('PING');
      const info = String(await this.command('INFO', 'server'));
      return info.includes(`process_id:${this.#running.pid}\r\n`) ? true : undefined;
    } catch (error) {
      if (!(error instanceof RedisReplyError) || error.message.startsWith('LOADING'))
        return undefined;
      return true;
    }
  }

  async #startError(): Promise<Error> {
    const log = await readFile(join(this.dir, 'redis.log'), 'utf8');
    if (/address already in use|bind:/i.test(log)) return new PortTakenError(log);
    return new Error(`${this.#settings.binary} ended while starting:\n${log}`);
  }
}
