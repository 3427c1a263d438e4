import {
  Body,
  Controller,
  createParamDecorator,
  Get,
  Header,
  HttpCode,
  Injectable,
  Logger,
  Module,
  Param,
  ParseIntPipe,
  Post,
  Query,
  SetMetadata,
  UseGuards,
  UseInterceptors,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  type INestApplication,
  type NestInterceptor,
} from '@nestjs/common';
import { NestFactory, Reflector } from '@nestjs/core';
import { concat, NEVER, of, type Observable } from 'rxjs';
import {
  DistributedTxModule,
  InjectTxRepository,
  Transactional,
  TransactionManager,
  type TxRepository,
} from '../../lib/index.js';
import { poll } from '../support/poll.js';
import { Gate } from './support/gate.js';
import { addTo, Tally } from './support/counting-entities.js';

const Role = (role: string): MethodDecorator => SetMetadata('role', role);
const Requester = createParamDecorator(
  (_: unknown, context: ExecutionContext) =>
    context.switchToHttp().getRequest<{ headers: Record<string, string> }>().headers['x-name'],
);

@Injectable()
class RoleGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    return this.reflector.get<string>('role', context.getHandler()) === 'teller';
  }
}

@Injectable()
class Wrapping implements NestInterceptor {
  constructor(private readonly manager: TransactionManager) {}

  intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
    inInterceptor.push(this.manager.current());
    return next.handle();
  }
}

const inInterceptor: unknown[] = [];
const arrived = new Gate();
const answering = new Gate();

@Controller('tallies')
class TallyController {
  constructor(
    private readonly manager: TransactionManager,
    @InjectTxRepository(Tally) private readonly tallies: TxRepository<Tally>,
  ) {}

  @Post('above/:id')
  @HttpCode(202)
  @Header('x-kept', 'yes')
  @Role('teller')
  @UseGuards(RoleGuard)
  @UseInterceptors(Wrapping)
  @Transactional()
  async above(
    @Param('id') id: string,
    @Query('by', ParseIntPipe) by: number,
    @Body() body: { readonly text: string },
    @Requester() name: string,
  ): Promise<unknown> {
    await addTo(this.tallies, id, name);
    return { id, by, body, name, status: this.manager.current()?.status };
  }

  @Transactional()
  @Post('below/:id')
  @HttpCode(202)
  @Header('x-kept', 'yes')
  @Role('teller')
  @UseGuards(RoleGuard)
  @UseInterceptors(Wrapping)
  async below(
    @Param('id') id: string,
    @Query('by', ParseIntPipe) by: number,
    @Body() body: { readonly text: string },
    @Requester() name: string,
  ): Promise<unknown> {
    await addTo(this.tallies, id, name);
    return { id, by, body, name, status: this.manager.current()?.status };
  }

  @Transactional()
  @Post('customer')
  @Role('customer')
  @UseGuards(RoleGuard)
  async customer(): Promise<string> {
    return 'let in';
  }

  @Get('slow/:id')
  @Transactional()
  async slow(@Param('id') id: string): Promise<number> {
    arrived.open();
    await answering.opened;
    return addTo(this.tallies, id, 'slow');
  }

  @Get('stream/:id')
  @Transactional()
  stream(@Param('id') id: string): Observable<unknown> {
    return concat(this.tallies.save({ id, total: 7, by: 'stream' }), of({ last: true }));
  }

  @Get('endless/:id')
  @Transactional({ timeoutMs: 60 })
  endless(@Param('id') id: string): Observable<unknown> {
    return concat(this.tallies.save({ id, total: 7, by: 'stream' }), NEVER);
  }

  @Get('mine/:name')
  @Transactional({ timeoutMs: 20_000, retry: { attempts: 1000, maxBackoffMs: 20 } })
  async mine(@Param('name') name: string): Promise<unknown> {
    const transaction = this.manager.current();
    const callId = transaction?.callId;
    await addTo(this.tallies, 'shared', name);
    await this.tallies.save({ id: name, total: 1, by: name });
    await new Promise((resolve) => setImmediate(resolve));
    const ids = this.manager.current()?.operations.map(({ item }) => item);
    return { name, kept: this.manager.current() === transaction, callId, ids };
  }

  @Get('of/:id')
  async find(@Param('id') id: string): Promise<Tally | null> {
    return this.tallies.findOne(id);
  }
}

@Controller('covered')
@Transactional()
class CoveredController {
  constructor(private readonly manager: TransactionManager) {}

  @Get(':id')
  @HttpCode(203)
  async get(@Param('id') id: string): Promise<unknown> {
    return { id, status: this.manager.current()?.status };
  }
}

@Module({
  imports: [
    DistributedTxModule.forRoot({ store: 'embedded' }),
    DistributedTxModule.forFeature([Tally]),
  ],
  controllers: [TallyController, CoveredController],
})
class AppModule {}

let app: INestApplication;
let url = '';

async function start(): Promise<void> {
  app = await NestFactory.create(AppModule, { logger: false, abortOnError: false });
  await app.listen(0, '127.0.0.1');
  url = await app.getUrl();
}

beforeAll(async () => {
  await start();
});
afterAll(async () => {
  await app.close();
  Logger.overrideLogger(true);
});

async function call(path: string, init?: RequestInit): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`${url}/${path}`, init);
  const text = await response.text();
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
}

describe('A transactional controller', () => {
  it.each(['above', 'below'])(
    'keeps routes, status, headers, guards, pipes and parameters that stand %s @Transactional()',
    async (where) => {
      const request = {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-name': 'ann' },
        body: '{"text":"hello"}',
      };
      const response = await fetch(`${url}/tallies/${where}/${where}1?by=3`, request);
      expect([response.status, response.headers.get('x-kept')]).toEqual([202, 'yes']);
      expect(await response.json()).toEqual({
        id: `${where}1`,
        by: 3,
        body: { text: 'hello' },
        name: 'ann',
        status: 'active',
      });
      expect(inInterceptor.pop()).toBeUndefined();
      const refused = await call(`tallies/${where}/${where}1?by=three`, request);
      expect(refused.status).toBe(400);
      expect((await call(`tallies/of/${where}1`)).body).toMatchObject({ total: 1, by: 'ann' });
    },
  );

  it('is guarded before its transaction begins', async () => {
    expect((await call('tallies/customer', { method: 'POST' })).status).toBe(403);
  });

  it('may be decorated as a class', async () => {
    expect(await call('covered/x')).toEqual({ status: 203, body: { id: 'x', status: 'active' } });
  });

  it('may answer with an Observable: committed, then answered', async () => {
    expect((await call('tallies/stream/s1')).body).toEqual({ last: true });
    expect((await call('tallies/of/s1')).body).toMatchObject({ total: 7 });
  });

  it('answers an Observable without an end when its time is over', async () => {
    expect((await call('tallies/endless/s2')).status).toBe(500);
    expect((await call('tallies/of/s2')).body).toBeUndefined();
  });

  it('keeps 100 requests at once apart', async () => {
    const names = Array.from({ length: 100 }, (_, index) => `n${index}`);
    const answers = await Promise.all(names.map((name) => call(`tallies/mine/${name}`)));
    const seen = answers.map(({ body }) => body as { callId: string });
    expect(new Set(seen.map(({ callId }) => callId)).size).toBe(100);
    for (const [index, name] of names.entries()) {
      expect(answers[index]).toMatchObject({
        status: 200,
        body: { name, kept: true, ids: expect.arrayContaining([`tally:${name}`]) },
      });
      expect((seen[index] as unknown as { ids: string[] }).ids).not.toContain(
        `tally:${names[(index + 1) % 100]}`,
      );
    }
    expect((await call('tallies/of/shared')).body).toMatchObject({ total: 100 });
  });
});

describe('The shutdown of an application', () => {
  it('answers a request whose transaction was under way', async () => {
    // Else the server waits for the idle connection of this client.
    const answer = call('tallies/slow/late', { headers: { connection: 'close' } });
    await arrived.opened;
    let closed = false;
    const closing = app.close().then(() => (closed = true));
    await poll(
      async () => {
        const refused = await fetch(`${url}/covered/x`).catch(() => 'refused');
        return refused === 'refused' ? true : undefined;
      },
      { deadlineMs: 5000, until: 'the server accepts nothing more' },
    );
    expect(closed).toBe(false);
    answering.open();
    expect(await answer).toEqual({ status: 200, body: 1 });
    await closing;
    await start();
  });
});
