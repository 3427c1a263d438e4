import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { mongo } from 'mongoose';
import { findMongoDbServer } from '../../tools/servers/mongodb.mjs';
import { LocalServer, type RunningServer } from './local-server.js';
import { giveToServers } from './server-account.js';

export { describeMongoDb } from './describe-server.js';

export interface MongoDbServerOptions {
  /** Further arguments of mongod, by their names without the dashes. */
  readonly settings?: Readonly<Record<string, string>>;
}

const replicaSet = 'dtx';
const defaultDatabase = 'dtx';
const alreadyInitialized = 23;
const commandTimeoutMs = 1_000;

function directClient(port: number): mongo.MongoClient {
  return new mongo.MongoClient(`mongodb://127.0.0.1:${port}/?directConnection=true`, {
    serverSelectionTimeoutMS: commandTimeoutMs,
  });
}

/** Makes a replica set of the server where it is none yet; ready once it takes writes. */
async function isReady({ port, log }: RunningServer): Promise<boolean> {
  if (!log.includes('Waiting for connections')) return false;
  const client = directClient(port);
  try {
    const admin = client.db('admin');
    const { setName, isWritablePrimary } = await admin.command({ hello: 1 });
    if (setName === undefined) {
      const members = [{ _id: 0, host: `127.0.0.1:${port}` }];
      await admin.command({ replSetInitiate: { _id: replicaSet, members } });
    }
    return isWritablePrimary === true;
  } catch (error) {
    if (error instanceof mongo.MongoServerError && error.code !== alreadyInitialized) throw error;
    return false;
  } finally {
    await client.close();
  }
}

/**
 * A real MongoDB, 5.0 or newer, on a free port of 127.0.0.1: a replica set with one member, so that it
 * has transactions.
 */
export class MongoDbServer extends LocalServer {
  /** @throws when no MongoDB is there, or when it does not serve within thirty seconds. */
  static async start(options: MongoDbServerOptions = {}): Promise<MongoDbServer> {
    const binary = findMongoDbServer();
    if (binary === undefined) throw new Error('MongoDB missing');
    return new MongoDbServer(binary, options).startAnew();
  }

  private constructor(binary: string, { settings = {} }: MongoDbServerOptions) {
    super({
      kind: 'mongodb',
      command: binary,
      args: ({ port, dir }) => [
        `--dbpath=${join(dir, 'data')}`,
        `--port=${port}`,
        `--replSet=${replicaSet}`,
        '--bind_ip=127.0.0.1',
        '--nounixsocket',
        '--wiredTigerCacheSizeGB=0.25',
        '--oplogSize=50',
        '--setParameter=shutdownTimeoutMillisForSignaledShutdown=0',
        ...Object.entries(settings).map(([name, value]) => `--${name}=${value}`),
      ],
      prepare: async (dir) => {
        await mkdir(join(dir, 'data'));
        await giveToServers(join(dir, 'data'));
      },
      isReady,
      stopSignal: 'SIGTERM',
    });
  }

  /** The URL of a database; MongoDB makes it when something is written to it. */
  connectionString(database = defaultDatabase): string {
    return `mongodb://127.0.0.1:${this.port}/${database}?replicaSet=${replicaSet}`;
  }
}
