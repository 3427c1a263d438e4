import { MemcacheClient } from 'memcache-client';
import { type CasClient, HandWrittenCas, NoControlCas, type Seen } from './compare-and-set.js';
import type { CreateSystem, SystemContext } from './system.js';

interface Found {
  readonly value: string;
  readonly casUniq: string;
}

function connect({ cacheServers = [] }: SystemContext): CasClient {
  const client = new MemcacheClient({ server: { server: cacheServers[0]!, maxConnections: 1 } });
  return {
    async get(keys) {
      const found = (await client.gets([...keys])) as unknown as Record<string, Found>;
      return keys.map((key): Seen => ({ text: found[key]!.value, token: found[key]!.casUniq }));
    },
    async set(key, text) {
      await client.set(key, text, { lifetime: 0 });
    },
    async compareAndSet(key, { token }, text) {
      try {
        await client.cas(key, text, { casUniq: token!, lifetime: 0 });
        return true;
      } catch (error) {
        if ((error as Error).message === 'EXISTS') return false;
        throw error;
      }
    },
    async close() {
      client.shutdown();
    },
  };
}

export const memcachedCas: CreateSystem = (context) =>
  new HandWrittenCas(async () => connect(context));
export const memcachedNoControl: CreateSystem = (context) =>
  new NoControlCas(async () => connect(context));
