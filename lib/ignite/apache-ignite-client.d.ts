/** What this library uses of the client, which has no types of its own. */
declare module 'apache-ignite-client' {
  export interface IgniteClientConfiguration {
    setUserName(name: string): this;
    setPassword(password: string): this;
    setConnectionOptions(useTls: boolean, options: object | null): this;
  }

  export interface CacheConfiguration {
    setAtomicityMode(mode: number): this;
    getAtomicityMode(): number;
    setBackups(backups: number): this;
    getBackups(): number;
    setCacheMode(mode: number): this;
    getCacheMode(): number;
    setPartitionLossPolicy(policy: number): this;
    getPartitionLossPolicy(): number;
    setReadFromBackup(isRead: boolean): this;
    getReadFromBackup(): boolean;
    setWriteSynchronizationMode(mode: number): this;
    getWriteSynchronizationMode(): number;
  }

  export interface CacheEntry {
    getKey(): string;
    getValue(): string;
  }

  export interface Cursor {
    hasMore(): boolean;
    getValue(): Promise<CacheEntry | null>;
    close(): Promise<void>;
  }

  export interface CacheClient {
    setKeyType(type: number): this;
    setValueType(type: number): this;
    getAll(keys: readonly string[]): Promise<readonly CacheEntry[]>;
    put(key: string, value: string): Promise<void>;
    putIfAbsent(key: string, value: string): Promise<boolean>;
    replaceIfEquals(key: string, value: string, newValue: string): Promise<boolean>;
    removeIfEquals(key: string, value: string): Promise<boolean>;
    query(query: ScanQuery): Promise<Cursor>;
  }

  export interface ScanQuery {
    setPageSize(size: number): this;
  }

  export interface IgniteClient {
    connect(configuration: IgniteClientConfiguration): Promise<void>;
    disconnect(): void;
    getOrCreateCache(name: string, configuration: CacheConfiguration): Promise<CacheClient>;
    getCacheConfiguration(name: string): Promise<CacheConfiguration>;
  }

  const client: {
    new (onStateChanged?: (state: number, reason?: unknown) => void): IgniteClient;
    readonly STATE: { readonly DISCONNECTED: 0; readonly CONNECTING: 1; readonly CONNECTED: 2 };
    readonly IgniteClientConfiguration: new (...endpoints: string[]) => IgniteClientConfiguration;
    readonly CacheConfiguration: new () => CacheConfiguration;
    readonly ScanQuery: new () => ScanQuery;
    readonly ObjectType: { readonly PRIMITIVE_TYPE: { readonly STRING: number } };
    readonly Errors: {
      readonly OperationError: new (message: string) => Error;
      readonly IllegalStateError: new (message?: string) => Error;
    };
  };
  export default client;
}
