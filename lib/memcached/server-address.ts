import type { ConnectionOptions } from 'node:tls';

/** Where one server listens. */
export interface ServerAddress {
  /** As the options have it: what errors, `allowEviction` and the hashing call the server. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly tls?: ConnectionOptions | undefined;
}

const pattern = /^(?:\[(?<v6>[0-9a-f:.]+)\]|(?<host>[^\s:[\]/]+)):(?<port>\d{1,5})$/i;
const highestPort = 65_535;

/** `host:port` or `[ipv6]:port`; undefined for anything else. */
export function parseServer(name: string): Omit<ServerAddress, 'tls'> | undefined {
  const { v6, host = v6, port } = pattern.exec(name)?.groups ?? {};
  const number = Number(port);
  if (host === undefined || !(number >= 1 && number <= highestPort)) return undefined;
  return { name, host, port: number };
}
