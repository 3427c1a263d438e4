import client from 'apache-ignite-client';
import { type CasClient, HandWrittenCas, NoControlCas, type Seen } from './compare-and-set.js';
import type { CreateSystem, SystemContext } from './system.js';

/** FULL_SYNC, as the library has it. */
const FULL_SYNC = 0;

async function connect({ cacheServers = [] }: SystemContext): Promise<CasClient> {
  const ignite = new client();
  await ignite.connect(new client.IgniteClientConfiguration(...cacheServers));
  const configuration = new client.CacheConfiguration()
    .setCacheMode(2)
    .setAtomicityMode(1)
    .setBackups(1)
    .setReadFromBackup(false)
    .setWriteSynchronizationMode(FULL_SYNC);
  const { STRING } = client.ObjectType.PRIMITIVE_TYPE;
  const cache = (await ignite.getOrCreateCache('by-hand', configuration))
    .setKeyType(STRING)
    .setValueType(STRING);
  return {
    async get(keys) {
      const entries = await cache.getAll(keys);
      const found = new Map(entries.map((entry) => [entry.getKey(), entry.getValue()]));
      return keys.map((key): Seen => ({ text: found.get(key)! }));
    },
    set: (key, text) => cache.put(key, text),
    compareAndSet: (key, { text: seen }, text) => cache.replaceIfEquals(key, seen, text),
    async close() {
      ignite.disconnect();
    },
  };
}

export const igniteCas: CreateSystem = (context) => new HandWrittenCas(() => connect(context));
export const igniteNoControl: CreateSystem = (context) => new NoControlCas(() => connect(context));
