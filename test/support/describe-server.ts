import {
  ignite,
  mariaDb,
  memcached,
  missingMark,
  mongoDb,
  mySql,
  openssl,
  postgres,
  redis,
  type ServerKind,
} from '../../tools/servers/servers.mjs';

type DescribeServer = (title: string, define: () => void) => void;

/** Suites that need a real server: skipped, and said so in the title, where there is none. */
function describeOn(kind: ServerKind): DescribeServer {
  return (title, define) => {
    if (kind.find() === undefined) describe.skip(`${title} (${missingMark(kind)})`, define);
    else describe(title, define);
  };
}

export const describeRedis = describeOn(redis);
export const describePostgres = describeOn(postgres);
export const describeMariaDb = describeOn(mariaDb);
export const describeMySql = describeOn(mySql);
export const describeMongoDb = describeOn(mongoDb);
export const describeMemcached = describeOn(memcached);
export const describeIgnite = describeOn(ignite);
export const describeOpenssl = describeOn(openssl);
