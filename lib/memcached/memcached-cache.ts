import type { ConnectionOptions } from 'node:tls';
import { ModuleOptionsError, StoreRefusedError, StoreUnavailableError } from '../errors/index.js';
import { pause, type Clock } from '../store/clock.js';
import { groupBy } from '../store/group-by.js';
import type { SeenText, SingleKeyCache } from '../store/single-key/single-key-cache.js';
import {
  readCommand,
  removeCommand,
  seenAfter,
  seenIn,
  wasRemoved,
  writeCommands,
  type CasToken,
} from './commands.js';
import { exptimeOf } from './exptime.js';
import { parseServer } from './server-address.js';
import { serverKeyOf } from './server-key.js';
import { ServerLink } from './server-link.js';
import { ServerRing } from './server-ring.js';

export interface MemcachedOptions {
  /**
   * `host:port` or `[ipv6]:port`. Several share the keys by consistent hashing (ketama) of these names: all
   * instances of the application must give the same ones. A server that is down keeps its keys.
   */
  readonly servers: readonly string[];
  /**
   * The servers, as in `servers`, that may evict: whatever is on them can vanish at any time, and such a store
   * never holds the record of a transaction. @default none: a server that evicts is refused
   */
  readonly allowEviction?: readonly string[];
  /** Connects by TLS, with these options of `tls.connect`. @default plain TCP */
  readonly tls?: ConnectionOptions;
}

const reopenDelayMs = 50;
const ping = 'mn\r\n';

/** Memcached 1.6 or newer, one server or several. */
export class MemcachedCache implements SingleKeyCache {
  readonly kind = 'Memcached';
  readonly expires = true;
  readonly #clock: Clock;
  readonly #links: readonly ServerLink[];
  readonly #ring: ServerRing;

  /** @throws ModuleOptionsError */
  constructor(options: MemcachedOptions, clock: Clock) {
    this.#clock = clock;
    this.#links = linksOf(options, clock);
    this.#ring = new ServerRing(this.#links);
  }

  /** Whether a server may forget what it holds; known once it was reached. */
  get mayEvict(): boolean {
    return this.#links.some(({ evicts }) => evicts);
  }

  async open(until: number): Promise<void> {
    await Promise.all(this.#links.map((link) => this.#openLink(link, until)));
  }

  get(keys: readonly string[], until: number): Promise<readonly (SeenText | undefined)[]> {
    const serverKeys = keys.map(serverKeyOf);
    const places = groupBy(serverKeys.keys(), (at) => this.#ring.linkOf(serverKeys[at]!));
    const [first] = places.keys();
    if (places.size === 1) return this.#getFrom(first!, serverKeys, until);
    return this.#getFromAll(places, serverKeys, until);
  }

  add(
    key: string,
    text: string,
    expiresInMs: number | undefined,
    until: number,
  ): Promise<SeenText | undefined> {
    return this.#write(key, { text, expiresInMs }, until);
  }

  // oxlint-disable-next-line max-params -- as the interface has it
  replace(
    key: string,
    { token }: SeenText,
    text: string,
    expiresInMs: number | undefined,
    until: number,
  ): Promise<SeenText | undefined> {
    if (token === undefined) return Promise.resolve(undefined);
    return this.#write(key, { text, expiresInMs }, until, token as CasToken);
  }

  remove(key: string, { token }: SeenText, until: number): Promise<boolean> {
    if (token === undefined) return Promise.resolve(false);
    const { cas, connection } = token as CasToken;
    const serverKey = serverKeyOf(key);
    return this.#ring.linkOf(serverKey).ask({
      key,
      text: removeCommand(serverKey, cas),
      replies: 1,
      until,
      writes: true,
      on: { connection, otherwise: false },
      read: wasRemoved,
    });
  }

  async ping(until: number): Promise<void> {
    await Promise.all(this.#links.map((link) => this.#pingLink(link, until)));
  }

  async close(): Promise<void> {
    await Promise.all(this.#links.map((link) => link.close()));
  }

  /** @param token What has to stand; nothing, where there is none. */
  #write(
    key: string,
    { text, expiresInMs }: { readonly text: string; readonly expiresInMs: number | undefined },
    until: number,
    token?: CasToken,
  ): Promise<SeenText | undefined> {
    const serverKey = serverKeyOf(key);
    const exptime = exptimeOf(expiresInMs, this.#clock);
    return this.#ring.linkOf(serverKey).ask({
      key,
      text: writeCommands({ serverKey, text, exptime }, token?.cas),
      replies: 2,
      until,
      writes: true,
      ...(token && { on: { connection: token.connection, otherwise: undefined } }),
      read: (replies, connection) => seenAfter(replies, text, connection),
    });
  }

  #getFrom(
    link: ServerLink,
    serverKeys: readonly string[],
    until: number,
  ): Promise<readonly (SeenText | undefined)[]> {
    return link.ask({
      key: serverKeys[0]!,
      text: serverKeys.map(readCommand).join(''),
      replies: serverKeys.length,
      until,
      writes: false,
      read: (replies, connection) => replies.map((reply) => seenIn(reply, connection)),
    });
  }

  async #getFromAll(
    places: ReadonlyMap<ServerLink, readonly number[]>,
    serverKeys: readonly string[],
    until: number,
  ): Promise<readonly (SeenText | undefined)[]> {
    const found: (SeenText | undefined)[] = serverKeys.map(() => undefined);
    const reading = [...places].map(async ([link, ats]) => {
      const asked = ats.map((at) => serverKeys[at]!);
      const seen = await this.#getFrom(link, asked, until);
      ats.forEach((at, index) => (found[at] = seen[index]));
    });
    await Promise.all(reading);
    return found;
  }

  async #pingLink(link: ServerLink, until: number): Promise<void> {
    await link.ask({
      key: '',
      text: ping,
      replies: 1,
      until,
      writes: false,
      read: ([reply]) => {
        if (reply?.words[0] === 'MN') return;
        throw new StoreRefusedError(
          `Memcached at ${link.name} answers "${reply?.words.join(' ')}".`,
        );
      },
    });
  }

  /** Tries again while it is down: it may be starting. */
  async #openLink(link: ServerLink, until: number): Promise<void> {
    for (;;) {
      try {
        await this.#pingLink(link, until);
        return;
      } catch (error) {
        const hasTime = this.#clock.now() + reopenDelayMs < until;
        if (!(error instanceof StoreUnavailableError) || !hasTime) throw error;
        await pause(this.#clock, reopenDelayMs);
      }
    }
  }
}

function linksOf(
  { servers, allowEviction = [], tls }: MemcachedOptions,
  clock: Clock,
): readonly ServerLink[] {
  if (servers.length === 0) throw new ModuleOptionsError('memcached: servers is empty; name one.');
  if (new Set(servers).size < servers.length)
    throw new ModuleOptionsError('memcached: servers has a server twice.');
  const unknown = allowEviction.find((name) => !servers.includes(name));
  if (unknown !== undefined) {
    throw new ModuleOptionsError(
      `memcached: allowEviction has '${unknown}', which is none of the servers: ${servers.join(', ')}.`,
    );
  }
  return servers.map((name) => {
    const address = parseServer(name);
    if (address === undefined) {
      throw new ModuleOptionsError(
        `memcached: the server '${name}' is not written as host:port, such as 127.0.0.1:11211.`,
      );
    }
    return new ServerLink({
      address: { ...address, tls },
      allowEviction: allowEviction.includes(name),
      clock,
    });
  });
}
