import { type RedisServers, startRedisServer } from './redis-server.js';

/** A Redis, and a PostgreSQL with its own defaults, which ends with this process. */
export async function startRedisAndPostgres(core: number | undefined): Promise<RedisServers> {
  // A tool of the repository, from where the bench is built to.
  const tool = new URL('../../tools/servers/private-postgres.mjs', import.meta.url).href;
  const { startPrivatePostgres } = (await import(tool)) as {
    startPrivatePostgres: () => Promise<string>;
  };
  const postgresUrl = await startPrivatePostgres();
  return { ...(await startRedisServer(core)), postgresUrl };
}
