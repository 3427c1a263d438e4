import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

/** Redis Cluster uses the port that is this much higher for its own bus. */
const busOffset = 10_000;
const portMax = 65_535;
const attemptsMax = 100;

async function bind(port: number): Promise<number | undefined> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  } catch {
    return undefined;
  } finally {
    server.close();
  }
}

/** A port of 127.0.0.1 that nobody listened on a moment ago; `clustered` also wants its bus port. */
export async function freePort({ clustered = false } = {}): Promise<number> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const port = await bind(0);
    if (port === undefined) continue;
    if (!clustered) return port;
    if (port + busOffset <= portMax && (await bind(port + busOffset)) !== undefined) return port;
  }
  throw new Error(`No free port after ${attemptsMax} attempts`);
}
