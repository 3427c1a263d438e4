/**
 * The part of the library's Redis store that the bench calls by hand. The store is no public API, so
 * it is loaded from the built package by its path, and its shape is told here.
 */
export interface LibraryStore {
  open(): Promise<void>;
  homeOf(keys: readonly string[]): string;
  toNodeTime(localMs: number): number;
  read(keys: readonly string[], until: number): Promise<ReadReply>;
  commitOnePhase(commit: Commit, until: number): Promise<{ readonly status: string }>;
  close(): Promise<void>;
}

interface ReadReply {
  readonly items: readonly (LibraryItem | undefined)[];
}

export interface LibraryItem {
  readonly kind: string;
  readonly version: string;
  readonly payload: string;
}

export interface ItemWrite {
  readonly key: string;
  /** The version that must stand, `0` for absence. */
  readonly expected: string;
  readonly change: {
    readonly kind: 'write';
    readonly counters: string;
    readonly payload: string;
    readonly ttlMs: undefined;
  };
}

interface Commit {
  readonly address: { readonly id: string; readonly home: string; readonly deadlineAtMs: number };
  readonly items: readonly ItemWrite[];
  readonly record: string;
  sent: boolean;
}

interface StoreModule {
  readonly RedisStore: new (options: object) => LibraryStore;
}

interface ClockModule {
  readonly systemClock: { now(): number };
}

const DIST = new URL('../../../dist/', import.meta.url);

export async function openLibraryStore(
  redisUrl: string,
): Promise<{ store: LibraryStore; now: () => number }> {
  const { RedisStore } = await load<StoreModule>('store/redis/redis-store.js');
  const { systemClock } = await load<ClockModule>('store/clock.js');
  const store = new RedisStore({
    name: 'default',
    redis: redisUrl,
    clock: systemClock,
    lifetime: { longestTimeoutMs: 60_000, marginMs: 10_000, retentionMs: 60_000 },
    connectTimeoutMs: 5000,
    commandTimeoutMs: 5000,
    startup: 'eager',
    allowEvictionPolicy: undefined,
    // Names the keys of the start-up probe only, so it must differ from the tag of the transactions.
    processTag: 'bench-probe-',
    warn: () => undefined,
  });
  await store.open();
  return { store, now: () => systemClock.now() };
}

async function load<T>(path: string): Promise<T> {
  return (await import(new URL(path, DIST).href)) as T;
}
