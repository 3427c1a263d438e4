import client, {
  type CacheClient,
  type CacheConfiguration,
  type IgniteClient,
} from 'apache-ignite-client';
import { StoreRefusedError } from '../errors/index.js';

const REPLICATED = 1;
const PARTITIONED = 2;
const ATOMIC = 1;
const FULL_SYNC = 0;
/** The policies under which a lost partition is an error, and never an absence. */
const READ_ONLY_SAFE = 0;
const READ_WRITE_SAFE = 2;

/**
 * Opens the cache, makes it where it is not there, and refuses one whose acknowledged writes may be lost with one
 * node, or whose reads may be older than them.
 *
 * @throws StoreRefusedError
 */
export async function openCache(
  ignite: IgniteClient,
  name: string,
  backups: number,
): Promise<CacheClient> {
  const { STRING } = client.ObjectType.PRIMITIVE_TYPE;
  const configuration = new client.CacheConfiguration()
    .setCacheMode(PARTITIONED)
    .setAtomicityMode(ATOMIC)
    .setBackups(backups)
    .setWriteSynchronizationMode(FULL_SYNC)
    .setReadFromBackup(false)
    .setPartitionLossPolicy(READ_WRITE_SAFE);
  const cache = await ignite.getOrCreateCache(name, configuration);
  const wrong = wrongIn(await ignite.getCacheConfiguration(name));
  if (wrong !== undefined) {
    throw new StoreRefusedError(
      `The Ignite cache ${name} ${wrong}, so it may lose or hide what it has acknowledged. Give the store a cache ` +
        'of another name, which it makes itself, or destroy this one.',
    );
  }
  // One type, whatever a text looks like: a comparison of other bytes would fail.
  return cache.setKeyType(STRING).setValueType(STRING);
}

function wrongIn(configuration: CacheConfiguration): string | undefined {
  const mode = configuration.getCacheMode();
  if (mode !== PARTITIONED && mode !== REPLICATED) return 'is local to a node (cacheMode)';
  if (configuration.getWriteSynchronizationMode() !== FULL_SYNC) {
    return 'does not wait for all copies (writeSynchronizationMode is not FULL_SYNC)';
  }
  if (configuration.getReadFromBackup()) return 'reads from backups (readFromBackup)';
  if (mode === PARTITIONED && configuration.getBackups() < 1) return 'has no backups';
  const policy = configuration.getPartitionLossPolicy();
  if (policy !== READ_WRITE_SAFE && policy !== READ_ONLY_SAFE) {
    return 'shows lost partitions as empty (partitionLossPolicy is neither READ_WRITE_SAFE nor READ_ONLY_SAFE)';
  }
  return undefined;
}
