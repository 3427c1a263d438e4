/**
 * What a text looked like when it was read: what `replace` and `remove` compare.
 *
 * It stands for one state of the key and no later one, across restarts of the server too: no token of another
 * life of the server ever passes.
 */
export interface SeenText {
  readonly text: string;
  /** Of the cache's own making, such as a CAS id together with its connection; nobody else looks at it. */
  readonly token?: unknown;
}

/**
 * A cache that can compare and set one key at a time, and nothing more: what `SingleKeyStore` needs of
 * Memcached, Apache Ignite or another one.
 *
 * Keys are texts of up to 1,024 UTF-8 bytes without control characters; what a server cannot take as a key is
 * the client's matter. Texts are stored as they are given, and whoever looks with another client sees them.
 *
 * Calls of one turn of the event loop are sent together. All times named `until` are local monotonic
 * milliseconds: a call that has not been answered by then fails, and one that has not been sent by then
 * never is.
 *
 * Every method throws StoreUnavailableError where the step certainly did not happen and StoreRefusedError where
 * the server answered that it will not. A method that writes throws CommitReplyLostError where it may have
 * happened, and may happen as long as its connection lives: it closes that connection.
 */
export interface SingleKeyCache {
  /** What errors and warnings call it, such as `Memcached`. */
  readonly kind: string;

  /**
   * Whether the server forgets what has expired by itself. Where it does not, `expiresInMs` is ignored, and
   * `sweep` is there.
   */
  readonly expires: boolean;

  /**
   * Whether the server may forget what it holds before its time. Known once it is open; then no records lie in
   * it. Default: false.
   */
  readonly mayEvict?: boolean;

  /** Connects and checks the servers. @throws StoreUnavailableError, StoreRefusedError */
  open(until: number): Promise<void>;

  /** Reads keys in their order, each on its own; undefined where nothing stands. */
  get(keys: readonly string[], until: number): Promise<readonly (SeenText | undefined)[]>;

  /**
   * Writes a key where nothing stands.
   *
   * @param expiresInMs How long it has to stay at least; undefined for ever.
   * @returns What stands now, where it was written; undefined where something stood.
   */
  add(
    key: string,
    text: string,
    expiresInMs: number | undefined,
    until: number,
  ): Promise<SeenText | undefined>;

  /**
   * Writes a key where it stands as it was seen.
   *
   * @returns What stands now, where it was written; undefined where something else stands, or nothing.
   */
  replace(
    key: string,
    seen: SeenText,
    text: string,
    expiresInMs: number | undefined,
    until: number,
  ): Promise<SeenText | undefined>;

  /** Removes a key where it stands as it was seen; whether it did. */
  remove(key: string, seen: SeenText, until: number): Promise<boolean>;

  /**
   * Goes through all keys in pages, where the server does not forget by itself: for each text that `isOver`
   * names, removes its key where it still stands so.
   */
  sweep?(isOver: (text: string) => boolean, until: number): Promise<void>;

  /** Resolves when every server answers. @throws StoreUnavailableError, StoreRefusedError */
  ping(until: number): Promise<void>;

  /** Lets what was sent be answered, then closes what `open` opened. */
  close(): Promise<void>;
}
