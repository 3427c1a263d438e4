import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.js';
import { GuardedProcess } from './guarded-process.js';
import { poll } from './poll.js';
import { giveToServers, serverAccount } from './server-account.js';

/** What one kind of server needs to be started. */
export interface Launch {
  /** For the name of the folder and for messages. */
  readonly kind: string;
  readonly command: string;
  readonly args: (server: ServerPlace) => readonly string[];
  /** Makes `<dir>/data`, once. */
  readonly prepare: (dir: string) => Promise<void>;
  /** Whether the running process serves clients. Asked until it does, or the process ends. */
  readonly isReady: (server: RunningServer) => boolean | Promise<boolean>;
  /** Asks for an orderly end that does not wait for clients. */
  readonly stopSignal: NodeJS.Signals;
}

export interface ServerPlace {
  readonly port: number;
  readonly dir: string;
}

export interface RunningServer extends ServerPlace {
  readonly pid: number;
  /** What it printed since it was started last. */
  readonly log: string;
}

const startDeadlineMs = 30_000;
const stopDeadlineMs = 10_000;
const portAttemptsMax = 5;

/** What ends by itself: a port that is still taken, memory of a process that was killed just now. */
const passing = /address already in use|pre-existing shared memory/i;

class PassingStartError extends Error {}

/** A server process of one kind on a free port of 127.0.0.1, gone when its owner is gone. */
export abstract class LocalServer implements ServerPlace {
  readonly #launch: Launch;
  #dir: string | undefined;
  #port: number | undefined;
  #process: GuardedProcess | undefined;

  protected constructor(launch: Launch) {
    this.#launch = launch;
  }

  /** @throws when it does not serve clients within thirty seconds. */
  protected async startAnew(): Promise<this> {
    this.#dir = await mkdtemp(join(tmpdir(), `dtx-${this.#launch.kind}-`));
    try {
      await giveToServers(this.dir);
      await this.#launch.prepare(this.dir);
      await this.#startOnFreePort();
      return this;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  get port(): number {
    if (this.#port === undefined) throw new Error('The server was never started');
    return this.#port;
  }

  get dir(): string {
    if (this.#dir === undefined) throw new Error('The server was never started');
    return this.#dir;
  }

  /** @throws when the server is not running. */
  get pid(): number {
    if (!this.isRunning) throw new Error(`The server on port ${this.port} is not running`);
    return this.#running.pid;
  }

  get isRunning(): boolean {
    return this.#process !== undefined && !this.#process.hasExited;
  }

  /** What the server printed since it was started last. */
  readLog(): Promise<string> {
    return readFile(this.#log, 'utf8');
  }

  /** An orderly end, SIGKILL at the deadline; then removes the folder. */
  async stop(): Promise<void> {
    await this.#shutDown();
    await rm(this.dir, { recursive: true, force: true });
  }

  /** kill -9 of the server and its child processes: a crash. Folder and port stay for `restart`. */
  async kill(): Promise<void> {
    await this.#process?.crash(stopDeadlineMs);
  }

  /** SIGSTOP: the server and its child processes keep their connections and answer nothing. */
  pause(): void {
    this.#running.signalWithChildren('SIGSTOP');
  }

  resume(): void {
    this.#running.signalWithChildren('SIGCONT');
  }

  /** Starts again on the same port and folder, after an orderly end if it is still running. */
  async restart(): Promise<void> {
    await this.#shutDown();
    await poll(() => this.#startUnlessPassing(), {
      deadlineMs: startDeadlineMs,
      intervalMs: 100,
      until: `the server on port ${this.port} can be started again`,
    });
  }

  async #startOnFreePort(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      this.#port = await freePort();
      try {
        await this.#start();
        return;
      } catch (error) {
        if (!(error instanceof PassingStartError) || attempt === portAttemptsMax) throw error;
      }
    }
  }

  /** @throws PassingStartError when the next attempt, or another port, may do. */
  async #start(): Promise<void> {
    const { command, args } = this.#launch;
    const options = { account: serverAccount, log: this.#log };
    this.#process = await GuardedProcess.start(command, args(this), this.dir, options);
    try {
      await poll(() => this.#isReady(), {
        deadlineMs: startDeadlineMs,
        until: `the server on port ${this.port} serves clients`,
      });
    } catch (error) {
      await this.kill();
      throw error;
    }
  }

  get #log(): string {
    return join(this.dir, 'server.log');
  }

  get #running(): GuardedProcess {
    if (this.#process === undefined) throw new Error('The server was never started');
    return this.#process;
  }

  async #startUnlessPassing(): Promise<true | undefined> {
    try {
      await this.#start();
      return true;
    } catch (error) {
      if (error instanceof PassingStartError) return undefined;
      throw error;
    }
  }

  async #shutDown(): Promise<void> {
    if (!this.isRunning) return;
    this.resume();
    await this.#running.end(this.#launch.stopSignal, stopDeadlineMs);
  }

  async #isReady(): Promise<true | undefined> {
    const ended = !this.isRunning;
    const log = await this.readLog();
    if (ended) {
      if (passing.test(log)) throw new PassingStartError(log);
      throw new Error(`${this.#launch.command} ended while starting:\n${log}`);
    }
    const { port, dir } = this;
    const ready = await this.#launch.isReady({ port, dir, pid: this.#running.pid, log });
    return ready ? true : undefined;
  }
}
