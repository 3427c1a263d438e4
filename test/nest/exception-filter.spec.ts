import {
  Controller,
  Get,
  Logger,
  Module,
  Param,
  UseFilters,
  type INestApplication,
  type Type,
} from '@nestjs/common';
import type { MiddlewareConsumer, NestModule } from '@nestjs/common';
import {
  APP_FILTER,
  ExternalContextCreator,
  NestFactory,
  type AbstractHttpAdapter,
} from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import {
  CounterBoundError,
  DistributedTxExceptionFilter,
  EntityAlreadyExistsError,
  EntityIdError,
  EntityInvalidError,
  EntityNotFoundError,
  ForeignDataError,
  InvariantViolationError,
  StoreRefusedError,
  StoreUnavailableError,
  TransactionConflictError,
  TransactionOutcomeUnknownError,
  TransactionRolledBackError,
  TransactionTimeoutError,
  VersionMismatchError,
  type DistributedTxError,
} from '../../lib/index.js';

/** Stands in every place of every error where a key, a version or a value could be. */
const secret = 'S3CRET';
const address = `id@home@123`;

const errors = {
  conflict: new TransactionConflictError({
    item: secret,
    versionSeen: secret,
    versionFound: secret,
    winner: secret,
  }),
  'version-mismatch': new VersionMismatchError(secret, secret, secret, secret),
  exists: new EntityAlreadyExistsError(secret, secret),
  bound: new CounterBoundError({
    entity: secret,
    id: secret,
    field: secret,
    value: 1,
    by: 2,
    min: 3,
    max: 4,
  }),
  absent: new EntityNotFoundError(secret, [secret]),
  id: new EntityIdError(secret),
  invalid: new EntityInvalidError(secret),
  timeout: new TransactionTimeoutError(77, { cause: new Error(secret) }),
  unavailable: new StoreUnavailableError(secret),
  refused: new StoreRefusedError(secret),
  unknown: new TransactionOutcomeUnknownError(address, { cause: new Error(secret) }),
  foreign: new ForeignDataError(secret),
  'rolled-back': new TransactionRolledBackError(secret, { cause: new Error(secret) }),
  invariant: new InvariantViolationError(secret),
} satisfies Record<string, DistributedTxError>;

type Failure = keyof typeof errors;

interface Row {
  readonly failure: Failure;
  readonly status: number;
  readonly error: string;
  readonly retryAfter: string | null;
  readonly tells?: string;
}

const conflict = { status: 409, error: 'Conflict', retryAfter: null };
const badRequest = { status: 400, error: 'Bad Request', retryAfter: null };
const unavailable = { status: 503, error: 'Service Unavailable', retryAfter: '1' };
const internal = { status: 500, error: 'Internal Server Error', retryAfter: null };

const table: readonly Row[] = [
  { failure: 'conflict', ...conflict },
  { failure: 'version-mismatch', ...conflict },
  { failure: 'exists', ...conflict },
  { failure: 'bound', ...conflict },
  { failure: 'absent', status: 404, error: 'Not Found', retryAfter: null },
  { failure: 'id', ...badRequest },
  { failure: 'invalid', ...badRequest },
  { failure: 'timeout', ...unavailable },
  { failure: 'unavailable', ...unavailable },
  { failure: 'refused', ...unavailable },
  { failure: 'unknown', ...unavailable, retryAfter: null, tells: address },
  { failure: 'foreign', ...internal },
  { failure: 'rolled-back', ...internal },
  { failure: 'invariant', ...internal },
];

interface Sink {
  write(text: string): unknown;
  raw?: Sink;
}

@Controller()
class FailingController {
  @Get('fail/:failure')
  async fail(@Param('failure') failure: Failure): Promise<never> {
    throw errors[failure];
  }

  @Get('other')
  async other(): Promise<never> {
    throw new RangeError('somebody else’s');
  }
}

@Module({ controllers: [FailingController] })
class AppModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer
      .apply(() => {
        throw errors.conflict;
      })
      .forRoutes('middleware');
    consumer
      .apply((_request: unknown, response: Sink) => {
        response.write('already');
        throw errors.conflict;
      })
      .forRoutes('begun');
  }
}

@Module({
  imports: [AppModule],
  providers: [{ provide: APP_FILTER, useClass: DistributedTxExceptionFilter }],
})
class AppWithProvidedFilter {}

async function start(
  module: Type,
  adapter: AbstractHttpAdapter,
): Promise<{ app: INestApplication; url: string }> {
  const app = await NestFactory.create(module, adapter, { logger: false, abortOnError: false });
  if (module === AppModule) app.useGlobalFilters(new DistributedTxExceptionFilter());
  await app.listen(0, '127.0.0.1');
  return { app, url: await app.getUrl() };
}

describe.each([
  ['Express', 'useGlobalFilters', AppModule, () => new ExpressAdapter()],
  ['Express', 'APP_FILTER', AppWithProvidedFilter, () => new ExpressAdapter()],
  ['Fastify', 'useGlobalFilters', AppModule, () => new FastifyAdapter()],
  ['Fastify', 'APP_FILTER', AppWithProvidedFilter, () => new FastifyAdapter()],
])('On %s, by %s, the exception filter', (_, __, module, createAdapter) => {
  let app: INestApplication;
  let url: string;
  beforeAll(async () => ({ app, url } = await start(module, createAdapter())));
  afterAll(() => app.close());

  it.each(table)('answers $failure with $status, without any data', async (row) => {
    const response = await fetch(`${url}/fail/${row.failure}`);
    const text = await response.text();
    expect(response.status).toBe(row.status);
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    expect(response.headers.get('retry-after')).toBe(row.retryAfter);
    expect(JSON.parse(text)).toEqual({
      statusCode: row.status,
      error: row.error,
      code: errors[row.failure].code,
      message: expect.any(String),
      ...(row.tells !== undefined && { address: row.tells }),
    });
    expect(text).not.toMatch(/S3CRET|77|stack/);
  });

  it('answers an error of a middleware', async () => {
    const response = await fetch(`${url}/middleware`);
    expect(response.status).toBe(409);
    expect(await response.json()).toMatchObject({ statusCode: 409, code: 'DTX-2001' });
  });

  it('ends a response that has begun', async () => {
    const response = await fetch(`${url}/begun`);
    expect([response.status, await response.text()]).toEqual([200, 'already']);
  });

  it('leaves the errors of others alone', async () => {
    expect((await fetch(`${url}/other`)).status).toBe(500);
  });
});

describe('The log of the exception filter', () => {
  const lines: { readonly level: string; readonly text: string }[] = [];
  const keep =
    (level: string) =>
    (...parts: unknown[]): void =>
      void lines.push({ level, text: parts.map(String).join(' ') });
  const response = { status: () => response, header: () => response, send: () => response };

  function logged(failure: Failure): typeof lines {
    lines.length = 0;
    Logger.overrideLogger({ log: keep('log'), warn: keep('warn'), error: keep('error') });
    try {
      const host = new ExecutionContextHost([{}, response]);
      new DistributedTxExceptionFilter().catch(errors[failure], host);
    } finally {
      Logger.overrideLogger(true);
    }
    return lines;
  }

  it.each(table)('for $failure has what an operator needs, and no more', ({ failure, status }) => {
    const found = logged(failure).map(({ level }) => level);
    const expected = new Map([
      [500, ['error']],
      [503, ['warn']],
    ]);
    expect(found).toEqual(expected.get(status) ?? []);
  });

  it('names the error and its code', () => {
    expect(logged('refused')[0]?.text).toContain('StoreRefusedError (DTX-3003)');
  });
});

describe('Elsewhere, the exception filter', () => {
  const filter = new DistributedTxExceptionFilter();
  const hostOf = (type: string, ...args: unknown[]): ExecutionContextHost => {
    const host = new ExecutionContextHost(args);
    host.setType(type);
    return host;
  };

  it('leaves the errors of message handlers to the filter of @nestjs/microservices', () => {
    expect(filter.catch(errors.conflict, hostOf('rpc', {}, {}))).toBeUndefined();
  });

  it('lets GraphQL and the like have the error itself', async () => {
    const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
    class Resolver {
      @UseFilters(filter)
      async resolve(): Promise<never> {
        throw errors.conflict;
      }
    }
    const resolver = new Resolver();
    const resolve = Reflect.get(resolver, 'resolve') as (this: void) => Promise<never>;
    const call = app.get(ExternalContextCreator).create(
      resolver,
      resolve,
      'resolve',
      undefined,
      undefined,
      undefined,
      undefined,
      {
        guards: false,
        interceptors: false,
        filters: true,
      },
      'graphql',
    ) as () => Promise<unknown>;
    await expect(call()).rejects.toBe(errors.conflict);
    await app.close();
  });

  it('tells a client of Socket.IO by an exception message, as Nest does', () => {
    const emitted: unknown[] = [];
    const client = { emit: (...args: unknown[]) => emitted.push(args) };
    filter.catch(errors.conflict, hostOf('ws', client, {}));
    expect(emitted).toEqual([
      ['exception', { status: 'error', message: expect.any(String), code: 'DTX-2001' }],
    ]);
    expect(JSON.stringify(emitted)).not.toContain(secret);
  });

  it('tells a native WebSocket by the same message as text', () => {
    const sent: string[] = [];
    const client = { readyState: 1, emit: fail, send: (text: string) => sent.push(text) };
    filter.catch(errors.absent, hostOf('ws', client, {}));
    expect(sent.map((text) => JSON.parse(text))).toEqual([
      {
        event: 'exception',
        data: { status: 'error', message: 'Not found.', code: 'DTX-1104' },
      },
    ]);
  });
});

function fail(): never {
  throw new Error('An event of the socket object itself would reach nobody.');
}
