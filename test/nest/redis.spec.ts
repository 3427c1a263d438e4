import {
  Controller,
  Get,
  Injectable,
  Module,
  type INestApplication,
  type INestApplicationContext,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { HealthIndicatorService } from '@nestjs/terminus';
import { Cluster, Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis-5';
import {
  DistributedTxModule,
  InjectTxRepository,
  ModuleOptionsError,
  StoreUnavailableError,
  Transactional,
  TransactionManager,
  type DistributedTxModuleOptions,
  type RedisSource,
  type TxRepository,
} from '../../lib/index.js';
import { DistributedTxRuntime } from '../../lib/module/distributed-tx.runtime.js';
import { DistributedTxHealthIndicator } from '../../lib/terminus/index.js';
import { describeRedis } from '../support/describe-server.js';
import { freePort } from '../support/free-port.js';
import { poll } from '../support/poll.js';
import { RedisServer } from '../support/redis-server.js';
import { addTo, Tally } from './support/counting-entities.js';
import { Gate } from './support/gate.js';

@Injectable()
class TallyService {
  constructor(
    readonly manager: TransactionManager,
    @InjectTxRepository(Tally) readonly tallies: TxRepository<Tally>,
  ) {}

  @Transactional({ timeoutMs: 20_000, retry: { attempts: 1000, maxBackoffMs: 20 } })
  async add(id: string): Promise<number> {
    return addTo(this.tallies, id, 'service');
  }
}

const arrived = new Gate();
const answering = new Gate();

@Controller()
class SlowController {
  constructor(@InjectTxRepository(Tally) private readonly tallies: TxRepository<Tally>) {}

  @Get('slow')
  @Transactional()
  async slow(): Promise<number> {
    await addTo(this.tallies, 'slow', 'first');
    arrived.open();
    await answering.opened;
    return addTo(this.tallies, 'slow', 'second');
  }
}

function moduleOf(options: DistributedTxModuleOptions): new () => object {
  @Module({
    imports: [DistributedTxModule.forRoot(options), DistributedTxModule.forFeature([Tally])],
    providers: [TallyService],
    exports: [TallyService],
    controllers: [SlowController],
  })
  class AppModule {}
  return AppModule;
}

function start(options: DistributedTxModuleOptions): Promise<INestApplicationContext> {
  return NestFactory.createApplicationContext(moduleOf(options), {
    logger: false,
    abortOnError: false,
  });
}

async function failureOf(options: DistributedTxModuleOptions): Promise<Error> {
  const error = await start(options).catch((thrown: unknown) => thrown);
  if (error instanceof Error) return error;
  await (error as INestApplicationContext).close();
  throw new Error('The application started');
}

describeRedis('With a Redis', () => {
  let server: RedisServer;
  beforeAll(async () => (server = await RedisServer.start()));
  afterAll(() => server.stop());
  beforeEach(() => server.command('FLUSHALL'));

  async function connections(): Promise<number> {
    const list = String(await server.command('CLIENT', 'LIST'));
    // The command that asks has a connection of its own.
    return list.trim().split('\n').length - 1;
  }

  const noConnectionLeft = (left = 0): Promise<true> =>
    poll(async () => ((await connections()) === left ? true : undefined), {
      deadlineMs: 2000,
      until: 'all connections are closed',
    });

  it.each<[string, () => RedisSource]>([
    ['a URL', () => server.url],
    ['a URL with a database', () => `${server.url}/3`],
    ['options', () => ({ host: '127.0.0.1', port: server.port })],
  ])('the module works by %s, and closes what it has opened', async (_, redis) => {
    const app = await start({ redis: redis() });
    const service = app.get(TallyService);
    await Promise.all(Array.from({ length: 20 }, () => service.add('shared')));
    expect((await service.tallies.findOne('shared'))?.total).toBe(20);
    await app.close();
    await noConnectionLeft();
  });

  it('a start that fails leaves no connection behind', async () => {
    const broken = {
      provide: 'broken',
      inject: [TransactionManager],
      useFactory: async () => Promise.reject(new RangeError('no such licence')),
    };
    @Module({ imports: [moduleOf({ redis: server.url })], providers: [broken] })
    class BrokenModule {}
    const starting = NestFactory.createApplicationContext(BrokenModule, {
      logger: false,
      abortOnError: false,
    });
    await expect(starting).rejects.toThrow('no such licence');
    await noConnectionLeft();
  });

  it('a factory of a provider may have transactions, before the application is initialised', async () => {
    const early = {
      provide: 'early',
      inject: [TallyService],
      useFactory: (service: TallyService) => service.add('early'),
    };
    @Module({ imports: [moduleOf({ redis: server.url })], providers: [early] })
    class EarlyModule {}
    const app = await NestFactory.createApplicationContext(EarlyModule, {
      logger: false,
      abortOnError: false,
    });
    expect(app.get('early')).toBe(1);
    await app.close();
    await noConnectionLeft();
  });

  it.each<[string, () => Redis]>([
    ['ioredis 6', () => new Redis(server.url, { commandTimeout: 1234, maxRetriesPerRequest: 7 })],
    [
      'ioredis 6 with automatic pipelining and without an offline queue',
      () => new Redis({ port: server.port, enableAutoPipelining: true, enableOfflineQueue: false }),
    ],
    ['ioredis 5', () => new Redis5(server.url, { maxRetriesPerRequest: 7 }) as unknown as Redis],
  ])('the module duplicates the client of %s and leaves it as it is', async (_, create) => {
    const client = create();
    await poll(() => (client.status === 'ready' ? true : undefined), {
      deadlineMs: 2000,
      until: 'the client is ready',
    });
    const before = { ...client.options };
    const listeners = client.eventNames().map((name) => [name, client.listenerCount(name)]);
    const app = await start({ redis: client });
    const service = app.get(TallyService);
    await Promise.all(Array.from({ length: 20 }, () => service.add('shared')));
    expect((await service.tallies.findOne('shared'))?.total).toBe(20);
    expect(await connections()).toBe(2);
    await app.close();
    await noConnectionLeft(1);
    expect({ ...client.options }).toEqual(before);
    expect(client.eventNames().map((name) => [name, client.listenerCount(name)])).toEqual(
      listeners,
    );
    expect([client.status, await client.ping()]).toEqual(['ready', 'PONG']);
    client.disconnect();
  });

  it('the module never connects a client that its owner has not connected', async () => {
    const client = new Redis(server.url, { lazyConnect: true });
    const app = await start({ redis: client });
    expect(await app.get(TallyService).add('a')).toBe(1);
    await app.close();
    expect(client.status).toBe('wait');
    client.disconnect();
  });

  it('two stores of one application may be clients of different databases', async () => {
    const stores = { default: { redis: server.url }, other: { redis: `${server.url}/1` } };
    const app = await start({ stores });
    expect(await app.get(TallyService).add('a')).toBe(1);
    await app.close();
    await noConnectionLeft();
  });

  it('the health indicator tells a Redis that goes and comes back', async () => {
    const own = await RedisServer.start();
    const app = await start({ redis: own.url });
    const indicator = new DistributedTxHealthIndicator(
      new HealthIndicatorService(),
      app.get(DistributedTxRuntime),
    );
    const status = async (): Promise<string> =>
      (await indicator.isHealthy('tx', { timeoutMs: 200 })).tx.status;
    try {
      expect(await status()).toBe('up');
      await own.kill();
      const began = performance.now();
      expect(await indicator.isHealthy('tx', { timeoutMs: 200 })).toEqual({
        tx: {
          status: 'down',
          message: expect.stringMatching(/^Store default: /),
          stores: { default: 'down' },
        },
      });
      expect(performance.now() - began).toBeLessThan(1000);
      await own.restart();
      await poll(async () => ((await status()) === 'up' ? true : undefined), {
        deadlineMs: 5000,
        until: 'it is healthy again',
      });
    } finally {
      await app.close();
      await own.stop();
    }
  });

  it.each<[string, () => RedisSource]>([
    ['a URL', () => `${server.url}?keyPrefix=mine:`],
    ['options', () => ({ port: server.port, keyPrefix: 'mine:' })],
    ['a client', () => new Redis(server.url, { lazyConnect: true, keyPrefix: 'mine:' })],
    [
      'a cluster client',
      () => new Cluster([server.url], { lazyConnect: true, redisOptions: { keyPrefix: 'mine:' } }),
    ],
    [
      'a cluster client itself',
      () => new Cluster([server.url], { lazyConnect: true, keyPrefix: 'mine:' }),
    ],
  ])('a keyPrefix of %s is refused by its name', async (_, redis) => {
    const error = await failureOf({ redis: redis() });
    expect(error).toBeInstanceOf(ModuleOptionsError);
    expect(error.message).toMatch(/"mine:".*`keyPrefix` of forRoot\(\)/);
  });

  it('a request in a transaction is answered during shutdown, then the connection closes', async () => {
    const app: INestApplication = await NestFactory.create(moduleOf({ redis: server.url }), {
      logger: false,
    });
    await app.listen(0, '127.0.0.1');
    const url = `${await app.getUrl()}/slow`;
    const answer = fetch(url, { headers: { connection: 'close' } });
    await arrived.opened;
    const closing = app.close();
    await poll(
      async () => ((await fetch(url).catch(() => 'refused')) === 'refused' ? true : undefined),
      { deadlineMs: 5000, until: 'the server accepts nothing more' },
    );
    expect(await connections()).toBeGreaterThan(0);
    answering.open();
    expect(await (await answer).text()).toBe('2');
    await closing;
    await noConnectionLeft();
    expect(String(await server.command('GET', 'tally:slow'))).toContain('second');
  });
});

describeRedis('Without a Redis at the start', () => {
  it('an application does not start, and says so within connectTimeoutMs', async () => {
    const redis = `redis://127.0.0.1:${await freePort()}`;
    const began = performance.now();
    const error = await failureOf({ redis, connectTimeoutMs: 300 });
    expect(performance.now() - began).toBeLessThan(1500);
    expect(error).toBeInstanceOf(StoreUnavailableError);
    expect(error.message).toMatch(/ECONNREFUSED/);
  });

  it('an application whose server accepts and never answers does not start either', async () => {
    const server = await RedisServer.start();
    server.pause();
    try {
      const error = await failureOf({ redis: server.url, connectTimeoutMs: 300 });
      expect(error).toBeInstanceOf(StoreUnavailableError);
    } finally {
      await server.stop();
    }
  });

  it('a lazy application starts, waits in its transactions, and works once Redis is there', async () => {
    const server = await RedisServer.start();
    await server.kill();
    const app = await start({ redis: server.url, startup: 'lazy', defaults: { timeoutMs: 300 } });
    const { manager, tallies } = app.get(TallyService);
    try {
      await expect(tallies.findOne('a')).rejects.toThrow(StoreUnavailableError);
      const waiting = manager.run(() => addTo(tallies, 'a', 'x'), { timeoutMs: 15_000 });
      await server.restart();
      expect(await waiting).toBe(1);
      expect(await tallies.findOne('a')).toMatchObject({ total: 1 });
    } finally {
      await app.close();
      await server.stop();
    }
  });

  it('a lazy application that never meets its Redis closes all the same', async () => {
    const redis = `redis://127.0.0.1:${await freePort()}`;
    const app = await start({ redis, startup: 'lazy', defaults: { timeoutMs: 100 } });
    await expect(app.get(TallyService).tallies.findOne('a')).rejects.toThrow(StoreUnavailableError);
    await app.close();
  });
});
