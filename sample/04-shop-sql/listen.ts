import { once } from 'node:events';
import { createServer } from 'node:net';
import type { INestApplication } from '@nestjs/common';

const DEFAULT_PORT = 3000;

/** Where the shop is to be found, and what the reader should know about it. */
export interface Address {
  readonly url: string;
  readonly note?: string;
}

/**
 * Listens on PORT of HOST. Where the default port is taken it uses any other; a port that was asked
 * for by name is not exchanged.
 */
export async function listen(app: INestApplication): Promise<Address> {
  const host = process.env['HOST'] || '127.0.0.1';
  const asked = process.env['PORT'];
  const port = portFrom(asked);
  const free = port === 0 || (await isFree(port, host));
  if (!free && asked) {
    throw new Error(
      `Port ${port} is in use. Choose another one: PORT=${port + 1} npm run start:sql`,
    );
  }
  await app.listen(free ? port : 0, host);
  const url = await app.getUrl();
  return free ? { url } : { url, note: `Port ${port} is in use, so this is another one.` };
}

function portFrom(text: string | undefined): number {
  const port = text ? Number(text) : DEFAULT_PORT;
  if (Number.isInteger(port) && port >= 0 && port < 65_536) return port;
  throw new Error(`PORT is ${text}; allowed is a number from 0 to 65535.`);
}

/** @throws for every other reason not to listen there, such as a host that is not this machine's. */
async function isFree(port: number, host: string): Promise<boolean> {
  const probe = createServer();
  try {
    probe.listen(port, host);
    await once(probe, 'listening');
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false;
    throw error;
  } finally {
    if (probe.listening) await new Promise((closed) => probe.close(closed));
  }
}
