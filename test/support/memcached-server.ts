import { connect } from 'node:net';
import { findMemcachedServer } from '../../tools/servers/memcached.mjs';
import { untilStopped } from './child-processes.js';
import { LocalServer, type RunningServer } from './local-server.js';

export { describeMemcached } from './describe-server.js';

export interface MemcachedServerOptions {
  /** Whether it forgets items when memory is short; else it refuses writes then. @default false */
  readonly evicts?: boolean;
  /** A port of its own on which TLS is spoken, and the files of the certificate and of its key. */
  readonly tls?: { readonly port: number; readonly certificate: string; readonly key: string };
  /** For items, in megabytes. @default 64 */
  readonly memoryMb?: number;
  /** Further arguments of memcached. */
  readonly args?: readonly string[];
}

const connectionsMax = 1_024;
const askTimeoutMs = 1_000;

/** Sends commands over a connection of their own; gives what is said until the end mark. */
export function memcachedCommand(port: number, text: string, end: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let said = '';
    const stop = (): void => void socket.destroy();
    socket.setTimeout(askTimeoutMs, stop);
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`Memcached said: ${said}`)));
    socket.on('data', (data) => {
      said += data.toString();
      if (!said.endsWith(end)) return;
      resolve(said.slice(0, -end.length));
      stop();
    });
    socket.write(text);
  });
}

/** Its own process answers, not one that had the port before. */
async function isReady({ port, pid }: RunningServer): Promise<boolean> {
  try {
    const stats = await memcachedCommand(port, 'stats\r\n', 'END\r\n');
    return stats.includes(`STAT pid ${pid}\r\n`);
  } catch {
    return false;
  }
}

function argumentsFor(
  { evicts = false, memoryMb = 64, tls, args = [] }: MemcachedServerOptions,
  port: number,
): readonly string[] {
  const address = ['-U', '0', '-l', `${tls === undefined ? '' : 'notls:'}127.0.0.1:${port}`];
  if (tls !== undefined) {
    const files = `ssl_chain_cert=${tls.certificate},ssl_key=${tls.key}`;
    address.push('-l', `127.0.0.1:${tls.port}`, '-Z', '-o', files);
  }
  const size = ['-m', String(memoryMb), '-c', String(connectionsMax)];
  return [...address, ...size, ...(evicts ? [] : ['-M']), ...args];
}

/** A real Memcached on a free port of 127.0.0.1. */
export class MemcachedServer extends LocalServer {
  readonly #settings: { options: MemcachedServerOptions };

  /** @throws when no Memcached is there, or when it does not serve within thirty seconds. */
  static async start(options: MemcachedServerOptions = {}): Promise<MemcachedServer> {
    const binary = findMemcachedServer();
    if (binary === undefined) throw new Error('Memcached missing');
    return new MemcachedServer(binary, { options }).startAnew();
  }

  private constructor(binary: string, settings: { options: MemcachedServerOptions }) {
    super({
      kind: 'memcached',
      command: binary,
      args: ({ port }) => argumentsFor(settings.options, port),
      prepare: async () => undefined,
      isReady,
      // It takes a second to end in order, and has nothing to keep.
      stopSignal: 'SIGKILL',
    });
    this.#settings = settings;
  }

  /** Starts again, with other options. */
  restartWith(options: MemcachedServerOptions): Promise<void> {
    this.#settings.options = options;
    return this.restart();
  }

  /** Pauses it; once that resolves, none of its threads runs any more. */
  async silence(): Promise<void> {
    this.pause();
    await untilStopped(this.pid);
  }

  /** As options have it. */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Sends commands; gives what is said until the end mark. */
  command(text: string, end = '\r\n'): Promise<string> {
    return memcachedCommand(this.port, text, end);
  }
}
