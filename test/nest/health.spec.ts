import { Controller, Get, Module, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { DistributedTxModule, type VersionedStore } from '../../lib/index.js';
import { EmbeddedStore } from '../../lib/store/embedded/embedded-store.js';
import { DistributedTxHealthIndicator } from '../../lib/terminus/index.js';

type Context = ConstructorParameters<typeof EmbeddedStore>[0];

/** How the second store answers a ping. */
let ping: (until: number) => Promise<void>;
const untils: number[] = [];

const moody = (context: Context): VersionedStore =>
  Object.assign(new EmbeddedStore(context), {
    ping: (until: number) => {
      untils.push(until - context.clock.now());
      return ping(until);
    },
  });

@Controller('health')
class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly distributedTx: DistributedTxHealthIndicator,
  ) {}

  @Get()
  check() {
    return this.health.check([() => this.distributedTx.isHealthy()]);
  }

  @Get('named')
  named() {
    return this.health.check([() => this.distributedTx.isHealthy('stock', { timeoutMs: 30 })]);
  }
}

@Module({
  imports: [TerminusModule.forRoot({ logger: false })],
  controllers: [HealthController],
  providers: [DistributedTxHealthIndicator],
})
class HealthModule {}

@Module({
  imports: [
    DistributedTxModule.forRoot({ stores: { default: 'embedded', cache: moody } }),
    HealthModule,
  ],
})
class AppModule {}

let app: INestApplication;
let url: string;

beforeAll(async () => {
  app = await NestFactory.create(AppModule, { logger: false, abortOnError: false });
  await app.listen(0, '127.0.0.1');
  url = await app.getUrl();
});
afterAll(() => app.close());
beforeEach(() => (ping = async () => undefined));

async function health(path = ''): Promise<{ status: number; details: unknown; error: unknown }> {
  const response = await fetch(`${url}/health${path}`);
  const body = (await response.json()) as { details: unknown; error: unknown };
  return { status: response.status, details: body.details, error: body.error };
}

describe('The health indicator', () => {
  it('is up while every store answers', async () => {
    expect(await health()).toEqual({
      status: 200,
      details: { 'distributed-tx': { status: 'up', stores: { default: 'up', cache: 'up' } } },
      error: {},
    });
    expect(untils.pop()).toBeCloseTo(1000, -1);
  });

  it('names the store that is down, and why', async () => {
    ping = () => Promise.reject(new RangeError('Redis is out for lunch.'));
    expect(await health()).toMatchObject({
      status: 503,
      error: {
        'distributed-tx': {
          status: 'down',
          message: 'Store cache: RangeError: Redis is out for lunch.',
          stores: { default: 'up', cache: 'down' },
        },
      },
    });
  });

  it('takes a store that throws at once, or no error, for down', async () => {
    ping = () => {
      throw new RangeError('at once');
    };
    expect((await health()).status).toBe(503);
    // oxlint-disable-next-line prefer-promise-reject-errors -- a store of the user's own may do this
    ping = () => Promise.reject('a text');
    expect((await health()).error).toMatchObject({
      'distributed-tx': { message: 'Store cache: a text' },
    });
  });

  it('does not wait longer than its time-out for a store that never answers', async () => {
    ping = () => new Promise(() => undefined);
    expect(await health('/named')).toMatchObject({
      status: 503,
      error: { stock: { message: 'Store cache: no answer within 30 ms.' } },
    });
    expect(untils.pop()).toBeCloseTo(30, -1);
  });
});
