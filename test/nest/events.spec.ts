import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Logger, type LoggerService } from '@nestjs/common';
import {
  CommitReplyLostError,
  StoreUnavailableError,
  TRANSACTION_CHANNELS,
  Transactional,
  TransactionConflictError,
  TransactionOutcomeUnknownError,
  type TransactionEvent,
  type TransactionManager,
  type VersionedStore,
} from '../../lib/index.js';
import { EmbeddedStore } from '../../lib/store/embedded/embedded-store.js';
import type { Tally } from './support/counting-entities.js';
import { embeddedRuntime, plainRuntime } from './support/plain-runtime.js';

interface Line {
  readonly level: 'debug' | 'log' | 'warn' | 'error';
  readonly text: string;
}

const lines: Line[] = [];
const keep =
  (level: Line['level']) =>
  (...parts: unknown[]): void =>
    void lines.push({ level, text: parts.map(String).join(' ') });
const recorder: LoggerService = {
  debug: keep('debug'),
  log: keep('log'),
  warn: keep('warn'),
  error: keep('error'),
};

type Channel = keyof typeof TRANSACTION_CHANNELS;
const events: { readonly channel: Channel; readonly event: TransactionEvent }[] = [];
const listeners = (Object.keys(TRANSACTION_CHANNELS) as Channel[]).map((channel) => ({
  name: TRANSACTION_CHANNELS[channel],
  listener: (event: unknown) => void events.push({ channel, event: event as TransactionEvent }),
}));

const secret = 'SECRET-VALUE';
let drawn = 0;
let id = '';

beforeEach(() => {
  id = `e${++drawn}`;
  lines.length = 0;
  events.length = 0;
  Logger.overrideLogger(recorder);
  for (const { name, listener } of listeners) subscribe(name, listener);
});

afterEach(() => {
  for (const { name, listener } of listeners) unsubscribe(name, listener);
  Logger.overrideLogger(true);
});

const { manager, tallies } = embeddedRuntime();

class Service {
  attempts = 0;

  @Transactional({ retry: { attempts: 3, backoffMs: 0 } })
  disturbed(times: number): Promise<void> {
    return this.disturbedBody(times);
  }

  private async disturbedBody(times: number): Promise<void> {
    this.attempts += 1;
    await tallies.findOne(id);
    if (this.attempts <= times) await disturb();
    await tallies.save({ id, total: 1, by: secret });
  }

  @Transactional({ retry: { attempts: 5, backoffMs: 0 } })
  unlucky(times: number): Promise<void> {
    return this.disturbedBody(times);
  }

  @Transactional()
  async fails(): Promise<void> {
    await tallies.save({ id, total: 1, by: secret });
    throw new RangeError(secret);
  }

  @Transactional()
  async hooks(): Promise<void> {
    await tallies.save({ id, total: 1, by: secret });
    const current = manager.current();
    current?.onCommit(() => {
      throw new RangeError('the mail server is down');
    });
    current?.onCommit(() => Promise.reject(new TypeError('the queue is down')));
  }
}

function disturb(): Promise<Tally> {
  return manager.run(() => tallies.save({ id, total: 9, by: 'somebody else' }), {
    propagation: 'REQUIRES_NEW',
    name: 'disturb',
  });
}

function eventsOf(name: string): { channel: Channel; event: TransactionEvent }[] {
  return events.filter(({ event }) => event.name === name);
}

describe('The channels of node:diagnostics_channel', () => {
  it('tell that a transaction begins and commits', async () => {
    await manager.run(() => tallies.save({ id, total: 1, by: 'x' }), { name: 'work' });
    const [begun, committed] = eventsOf('work');
    expect(begun).toEqual({
      channel: 'begun',
      event: {
        transaction: expect.any(String),
        callId: begun?.event.transaction,
        attempt: 1,
        name: 'work',
      },
    });
    expect(committed).toEqual({ ...begun, channel: 'committed' });
  });

  it('tell of each conflict and each retry, attempt by attempt, in one call', async () => {
    const service = manager.bind(new Service());
    await service.disturbed(1);
    const told = eventsOf('Service.disturbed');
    expect(told.map(({ channel, event }) => `${channel} ${event.attempt}`)).toEqual([
      'begun 1',
      'conflict 1',
      'retried 1',
      'begun 2',
      'committed 2',
    ]);
    expect(new Set(told.map(({ event }) => event.callId)).size).toBe(1);
    expect(told[0]?.event.transaction).not.toBe(told[3]?.event.transaction);
    expect(told[1]?.event.error).toBeInstanceOf(TransactionConflictError);
    expect(told[2]?.event.delayMs).toBe(0);
  });

  it("tell of a roll back with the method's own error", async () => {
    await expect(manager.bind(new Service()).fails()).rejects.toThrow(RangeError);
    const told = eventsOf('Service.fails');
    expect(told.map(({ channel }) => channel)).toEqual(['begun', 'rolledBack']);
    expect(told[1]?.event.error).toBeInstanceOf(RangeError);
  });

  it('tell of a call that gave up as a conflict and a roll back, once', async () => {
    await expect(manager.bind(new Service()).disturbed(3)).rejects.toThrow(
      TransactionConflictError,
    );
    const told = eventsOf('Service.disturbed').map(({ channel }) => channel);
    expect(told.filter((channel) => channel === 'conflict')).toHaveLength(3);
    expect(told.filter((channel) => channel === 'retried')).toHaveLength(2);
    expect(told.filter((channel) => channel === 'rolledBack')).toHaveLength(1);
    expect(told.at(-1)).toBe('rolledBack');
  });

  it('tell of transactions begun by hand', async () => {
    const committed = manager.begin({ name: 'by hand' });
    await committed.run(() => tallies.save({ id, total: 1, by: 'x' }));
    await committed.commit();
    await manager.begin({ name: 'by hand' }).rollback(new RangeError('no'));
    expect(eventsOf('by hand').map(({ channel }) => channel)).toEqual([
      'begun',
      'committed',
      'begun',
      'rolledBack',
    ]);
  });

  it('tell of an unknown outcome by its address, and the log does too', async () => {
    const lossy = lossyRuntime();
    const call = lossy.run(() => lossy.save(), { name: 'lost' });
    const error = await call.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TransactionOutcomeUnknownError);
    const { address } = error as TransactionOutcomeUnknownError;
    const told = eventsOf('lost');
    expect(told.map(({ channel }) => channel)).toEqual(['begun', 'outcomeUnknown']);
    expect(told[1]?.event).toMatchObject({ address, error });
    const { callId } = told[1]!.event;
    expect(lines).toEqual([
      { level: 'warn', text: expect.stringContaining(`Transaction lost [${callId} attempt 1]`) },
    ]);
    expect(lines[0]?.text).toContain(address);
  });
});

describe('The log', () => {
  it('says nothing of what goes well', async () => {
    await manager.run(() => tallies.save({ id, total: 1, by: secret }));
    expect(lines).toEqual([]);
  });

  it("says nothing of a roll back by the method's own error", async () => {
    await expect(manager.bind(new Service()).fails()).rejects.toThrow(RangeError);
    expect(lines).toEqual([]);
  });

  it('has a debug line for each retry after the third conflict, with callId and attempt', async () => {
    await manager.bind(new Service()).unlucky(4);
    const { callId } = eventsOf('Service.unlucky')[0]!.event;
    expect(lines.map(({ level }) => level)).toEqual(['debug', 'debug']);
    expect(lines[0]?.text).toContain(`Transaction Service.unlucky [${callId} attempt 3]`);
    expect(lines[1]?.text).toContain(`Transaction Service.unlucky [${callId} attempt 4]`);
  });

  it('warns of a call that gave up, without any value or key', async () => {
    await expect(manager.bind(new Service()).disturbed(3)).rejects.toThrow(
      TransactionConflictError,
    );
    const { callId } = eventsOf('Service.disturbed')[0]!.event;
    const warnings = lines.filter(({ level }) => level === 'warn');
    expect(warnings).toEqual([
      {
        level: 'warn',
        text: expect.stringContaining(
          `Transaction Service.disturbed [${callId} attempt 3] gave up: TransactionConflictError`,
        ),
      },
    ]);
    const all = lines.map(({ text }) => text).join('\n');
    expect(all).not.toMatch(/SECRET|tally|somebody/);
  });

  it('warns of a call that met conflicts and then ran out of time', async () => {
    let attempts = 0;
    const call = manager.run(
      async () => {
        attempts += 1;
        await tallies.findOne(id);
        if (attempts > 1) await new Promise(() => undefined);
        await disturb();
        await tallies.save({ id, total: 1, by: secret });
      },
      { name: 'slow', timeoutMs: 60, retry: { backoffMs: 0 } },
    );
    await expect(call).rejects.toMatchObject({
      name: 'TransactionTimeoutError',
      cause: expect.any(TransactionConflictError),
    });
    const { callId } = eventsOf('slow')[0]!.event;
    expect(lines.filter(({ level }) => level === 'warn').map(({ text }) => text)).toEqual([
      expect.stringContaining(`Transaction slow [${callId} attempt 2] gave up: TransactionTimeout`),
    ]);
  });

  it('has an error line with the stack for each hook that fails after the commit', async () => {
    await manager.bind(new Service()).hooks();
    const { callId } = eventsOf('Service.hooks')[0]!.event;
    expect(lines).toHaveLength(2);
    for (const [index, name] of ['RangeError', 'TypeError'].entries()) {
      const text = lines[index]?.text;
      expect(lines[index]?.level).toBe('error');
      expect(text).toContain(`Transaction Service.hooks [${callId} attempt 1]: its onCommit hook`);
      expect(text).toContain(`${name}: the`);
      expect(text).not.toContain(secret);
    }
    expect(await tallies.exists(id)).toBe(true);
  });
});

describe("The user's own AsyncLocalStorage", () => {
  it('reaches every attempt, every hook and the caller, in 100 calls at once', async () => {
    const requests = new AsyncLocalStorage<number>();
    const seen: [string, number, number | undefined][] = [];
    const call = async (request: number): Promise<void> => {
      const note = (where: string): void => void seen.push([where, request, requests.getStore()]);
      await manager.run(
        async () => {
          note('attempt');
          const found = await tallies.findOne(id);
          note('after a read');
          manager.current()?.beforeCommit(() => note('beforeCommit'));
          manager.current()?.onCommit(() => note('onCommit'));
          await tallies.save({ id, total: (found?.total ?? 0) + 1, by: 'x' });
        },
        { timeoutMs: 20_000, retry: { attempts: 1000, maxBackoffMs: 20 } },
      );
      note('caller');
    };
    await Promise.all(
      Array.from({ length: 100 }, (_, request) => requests.run(request, () => call(request))),
    );
    expect((await tallies.findOne(id))?.total).toBe(100);
    expect(seen.filter(([, request, found]) => request !== found)).toEqual([]);
    expect(seen.filter(([where]) => where === 'onCommit')).toHaveLength(100);
  });
});

/** A store whose replies to commits are lost, and that nobody can ask afterwards. */
function lossyRuntime(): Pick<TransactionManager, 'run'> & { save: () => Promise<Tally> } {
  const store = (context: ConstructorParameters<typeof EmbeddedStore>[0]): VersionedStore => {
    const lossy = new EmbeddedStore(context);
    lossy.commitOnePhase = async (commit) => {
      commit.sent = true;
      throw new CommitReplyLostError('The connection was closed.');
    };
    lossy.fence = async () => {
      throw new StoreUnavailableError('Nobody answers.');
    };
    return lossy;
  };
  const lossy = plainRuntime({ stores: { default: store } });
  return {
    run: lossy.manager.run.bind(lossy.manager),
    save: () => lossy.tallies.save({ id, total: 1, by: secret }),
  };
}
