import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { Redis } from 'ioredis';
import type { RedisOptions } from 'ioredis';
import { FaultProxy, faultOnce } from '../support/fault-proxy.js';
import type { Fault, ProxiedRequest, Schedule } from '../support/fault-proxy.js';
import { poll } from '../support/poll.js';
import { describeRedis, RedisServer } from '../support/redis-server.js';
import { withSeed } from '../support/seeded-random.js';

const isIncrement = (request: ProxiedRequest): boolean => request.name === 'incr';

/** Rejects at once when the connection breaks, instead of sending the command again. */
const WITHOUT_RESEND: RedisOptions = { maxRetriesPerRequest: 0, retryStrategy: () => 1 };

/** A client that is disconnected between two attempts would keep a timer for two seconds. */
const disconnectTimeout = 100;

describeRedis('the fault proxy', () => {
  let server: RedisServer;
  let direct: Redis;
  let proxy: FaultProxy;
  let clients: Redis[];
  let sockets: Socket[];
  let timers: { readonly callback: () => void; readonly milliseconds: number }[];

  const schedule: Schedule = (callback, milliseconds) => {
    const timer = { callback, milliseconds };
    timers.push(timer);
    return () => {
      timers = timers.filter((other) => other !== timer);
    };
  };

  beforeAll(async () => {
    server = await RedisServer.start();
    direct = new Redis(server.port);
  });

  afterAll(async () => {
    direct.disconnect();
    await server.stop();
  });

  beforeEach(async () => {
    clients = [];
    sockets = [];
    timers = [];
    await direct.flushall();
    proxy = await FaultProxy.start({ targetPort: server.port, schedule });
  });

  afterEach(async () => {
    for (const client of clients) client.disconnect();
    for (const socket of sockets) socket.destroy();
    await proxy.stop();
    await until('all connections are closed', () => proxy.openConnections === 0);
  });

  async function connectClient(options: RedisOptions = WITHOUT_RESEND): Promise<Redis> {
    const client = new Redis(proxy.port, { ...options, disconnectTimeout, lazyConnect: true });
    client.on('error', () => {});
    clients.push(client);
    await client.connect();
    return client;
  }

  async function connectSocket(): Promise<Socket> {
    const socket = connect(proxy.port, '127.0.0.1');
    sockets.push(socket);
    await once(socket, 'connect');
    return socket;
  }

  async function until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
    await poll(async () => ((await isTrue()) ? true : undefined), {
      deadlineMs: 5_000,
      until: what,
    });
  }

  async function counter(): Promise<number> {
    return Number((await direct.get('counter')) ?? 0);
  }

  function failOnce(fault: Fault, nth = 1): void {
    proxy.decide = faultOnce(isIncrement, fault, nth);
  }

  describe.each([2, 3] as const)('with RESP%i', (protocol) => {
    const options: RedisOptions = { ...WITHOUT_RESEND, protocol };

    it('passes everything when there is no fault', async () => {
      const client = await connectClient(options);
      const large = Buffer.alloc(1_000_000, 'ab\r\n');
      await client.set('large', large);
      await client.hset('hash', { a: '1', b: '2' });
      const nested = client.eval("return {1, {2, {}, 'x'}, redis.call('HGETALL', 'hash')}", 0);
      expect(await nested).toEqual([1, [2, [], 'x'], ['a', '1', 'b', '2']]);
      expect((await client.getBuffer('large'))?.equals(large)).toBe(true);
      expect(await client.hgetall('hash')).toEqual({ a: '1', b: '2' });
      const replies = await Promise.all(Array.from({ length: 200 }, () => client.incr('counter')));
      expect(replies).toEqual(Array.from({ length: 200 }, (_, at) => at + 1));
      expect(await client.multi().incr('counter').get('counter').exec()).toEqual([
        [null, 201],
        [null, '201'],
      ]);
      expect(proxy.counts.forwarded).toBe(proxy.counts.requests);
      expect(proxy.counts.executed).toBe(proxy.counts.requests);
    });

    it('keeps replies and messages of a subscription apart', async () => {
      const subscriber = await connectClient(options);
      const messages: string[] = [];
      subscriber.on('message', (channel, message) => messages.push(`${channel}:${message}`));
      await subscriber.subscribe('one', 'two');
      await direct.publish('two', 'hello');
      await until('the message is there', () => messages.length === 1);
      expect(messages).toEqual(['two:hello']);
      await subscriber.unsubscribe('one', 'two');
      expect(await subscriber.incr('counter')).toBe(1);
    });

    it('cutBeforeReply: the server executes, the client does not know', async () => {
      failOnce({ kind: 'cutBeforeReply' }, 2);
      const client = await connectClient(options);
      expect(await client.incr('counter')).toBe(1);
      await expect(client.incr('counter')).rejects.toThrow('max retries per request');
      expect(await counter()).toBe(2);
      expect(proxy.counts.faults.cutBeforeReply).toBe(1);
      expect(await client.incr('counter')).toBe(3);
    });
  });

  it('cutBeforeRequest: the server does not execute', async () => {
    failOnce({ kind: 'cutBeforeRequest' }, 2);
    const client = await connectClient();
    const [first, second, third] = await Promise.allSettled([
      client.incr('counter'),
      client.incr('counter'),
      client.incr('counter'),
    ]);
    expect([first.status, second.status, third.status]).toEqual([
      'fulfilled',
      'rejected',
      'rejected',
    ]);
    expect(await counter()).toBe(1);
  });

  it('cutBeforeReply: a client that sends again is executed twice', async () => {
    failOnce({ kind: 'cutBeforeReply' });
    const client = await connectClient({ retryStrategy: () => 1 });
    expect(await client.incr('counter')).toBe(2);
  });

  it('cutBeforeReply: no later request of the same connection is executed', async () => {
    failOnce({ kind: 'cutBeforeReply' });
    const client = await connectClient();
    const results = await Promise.allSettled([client.incr('counter'), client.incr('counter')]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await counter()).toBe(1);
  });

  it('dropReply: the server executes and the connection says nothing any more', async () => {
    failOnce({ kind: 'dropReply' });
    const client = await connectClient({ ...WITHOUT_RESEND, commandTimeout: 50 });
    await expect(client.incr('counter')).rejects.toThrow('Command timed out');
    await expect(client.incr('counter')).rejects.toThrow('Command timed out');
    expect(await counter()).toBe(1);
    expect(client.status).toBe('ready');
  });

  it('delay: the request and all behind it wait', async () => {
    failOnce({ kind: 'delay', milliseconds: 700 });
    const client = await connectClient();
    const replies = Promise.all([client.incr('counter'), client.get('counter')]);
    await until('the request waits', () => timers.length === 1);
    expect(timers[0]?.milliseconds).toBe(700);
    expect(await counter()).toBe(0);
    timers[0]?.callback();
    expect(await replies).toEqual([1, '1']);
  });

  it('delay: the request is executed although the client has left', async () => {
    failOnce({ kind: 'delay', milliseconds: 700 });
    const client = await connectClient();
    const reply = client.incr('counter');
    await until('the request waits', () => timers.length === 1);
    client.disconnect();
    await expect(reply).rejects.toThrow('Connection is closed');
    timers[0]?.callback();
    await until('the request was executed', async () => (await counter()) === 1);
    await until('the connection is closed', () => proxy.openConnections === 0);
  });

  it('delay: waits in real time without an own scheduler', async () => {
    const timed = await FaultProxy.start({
      targetPort: server.port,
      decide: faultOnce(isIncrement, { kind: 'delay', milliseconds: 20 }),
    });
    const client = new Redis(timed.port);
    const startedAt = performance.now();
    expect(await client.incr('counter')).toBe(1);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(19);
    client.disconnect();
    await timed.stop();
  });

  it('deliverLate: the request is executed when it is released', async () => {
    failOnce({ kind: 'deliverLate' });
    const client = await connectClient();
    await expect(client.incr('counter')).rejects.toThrow('max retries per request');
    expect(await client.set('counter', 10)).toBe('OK');
    expect(proxy.lateCount).toBe(1);
    expect(await proxy.releaseLate()).toBe(1);
    expect(await counter()).toBe(11);
    expect(proxy.lateCount).toBe(0);
    expect(await client.incr('counter')).toBe(12);
  });

  it('deliverLate: the request is executed after the next commands of others', async () => {
    failOnce({ kind: 'deliverLate', afterCommands: 3 });
    const client = await connectClient();
    await expect(client.incr('counter')).rejects.toThrow('max retries per request');
    expect(await client.set('counter', 10)).toBe('OK');
    expect(await client.get('counter')).toBe('10');
    expect(proxy.lateCount).toBe(1);
    expect(await client.get('counter')).toBe('10');
    expect(proxy.lateCount).toBe(0);
    await until('the late request was executed', async () => (await counter()) === 11);
  });

  it('deliverLate: a late request survives the cut of all connections, not the stop', async () => {
    failOnce({ kind: 'deliverLate' });
    const client = await connectClient();
    await expect(client.incr('counter')).rejects.toThrow('max retries per request');
    proxy.cutAll();
    const second = await connectClient();
    failOnce({ kind: 'deliverLate' });
    await expect(second.incr('counter')).rejects.toThrow('max retries per request');
    expect(proxy.lateCount).toBe(2);
    expect(await proxy.releaseLate()).toBe(2);
    failOnce({ kind: 'deliverLate' });
    await expect(second.incr('counter')).rejects.toThrow('max retries per request');
    await proxy.stop();
    expect(await proxy.releaseLate()).toBe(0);
    expect(await counter()).toBe(2);
  });

  it('sliceReply: the reply comes byte by byte and later replies behind it', async () => {
    await direct.set('text', 'x'.repeat(20));
    const slices: string[] = [];
    proxy.decide = ({ name }) => (name === 'get' ? { kind: 'sliceReply' } : undefined);
    const socket = await connectSocket();
    socket.on('data', (chunk) => slices.push(chunk.toString()));
    socket.write('*2\r\n$3\r\nGET\r\n$4\r\ntext\r\n*1\r\n$4\r\nPING\r\n');
    await until('all is there', () => slices.join('').endsWith('+PONG\r\n'));
    expect(slices.join('')).toBe(`$20\r\n${'x'.repeat(20)}\r\n+PONG\r\n`);
    expect(slices.length).toBeGreaterThan(10);
    const client = await connectClient();
    expect(await client.get('text')).toBe('x'.repeat(20));
  });

  it.each([
    ['beforeRequest', 0],
    ['beforeReply', 1],
  ] as const)(
    'reset %s: the client sees a reset, the server executes %i',
    async (when, executed) => {
      failOnce({ kind: 'reset', when });
      const socket = await connectSocket();
      const failed = once(socket, 'error');
      socket.write('*2\r\n$4\r\nINCR\r\n$7\r\ncounter\r\n');
      await until('the socket is closed', () => socket.destroyed);
      expect(socket.errored).toMatchObject({ code: 'ECONNRESET' });
      await failed.catch(() => {});
      expect(await counter()).toBe(executed);
      const client = await connectClient();
      failOnce({ kind: 'reset', when });
      await expect(client.incr('counter')).rejects.toThrow('max retries per request');
      expect(await counter()).toBe(2 * executed);
    },
  );

  it('decides on the parsed command', async () => {
    const seen: string[] = [];
    proxy.decide = (request) => {
      if (!request.isConnectionSetup) seen.push(request.command.map(String).join(' '));
      return undefined;
    };
    const client = await connectClient();
    await client.set('key', 'a value\r\n');
    await client.mget('key', '', 'ü');
    expect(seen).toEqual(['set key a value\r\n', 'mget key  ü']);
  });

  it('cutAll: all clients lose their connection and come back', async () => {
    const [one, other] = [await connectClient(), await connectClient()];
    const closed = Promise.all([once(one, 'close'), once(other, 'close')]);
    proxy.cutAll();
    await closed;
    expect(await Promise.all([one.incr('counter'), other.incr('counter')])).toEqual(
      expect.arrayContaining([1, 2]),
    );
    expect(proxy.counts.connections).toBe(4);
  });

  it('blackhole and heal: nothing is executed in between and everything afterwards', async () => {
    const client = await connectClient();
    const leaving = await connectClient();
    proxy.blackhole();
    const reply = client.incr('counter');
    const lost = Promise.allSettled([leaving.incr('counter')]);
    const fresh = connectClient();
    await until('the new connection was accepted', () => proxy.counts.connections === 3);
    leaving.disconnect();
    expect(await lost).toMatchObject([{ status: 'rejected' }]);
    expect(await counter()).toBe(0);
    proxy.heal();
    expect([1, 2]).toContain(await reply);
    await (await fresh).ping();
    await until('the request of the one that left came too', async () => (await counter()) === 2);
    await until('its connection is closed', () => proxy.openConnections === 2);
  });

  it('refuseConnections: nobody gets in until it is taken back', async () => {
    proxy.refuseConnections(true);
    const client = new Redis(proxy.port, { ...WITHOUT_RESEND, disconnectTimeout });
    client.on('error', () => {});
    clients.push(client);
    await until('some attempts were refused', () => proxy.counts.refused > 2);
    expect(proxy.counts.connections).toBe(0);
    proxy.refuseConnections(false);
    await until('the client is ready', () => client.status === 'ready');
    expect(await client.incr('counter')).toBe(1);
  });

  it('cuts the clients when the server is not there', async () => {
    const stopped = await RedisServer.start();
    const broken = await FaultProxy.start({ targetPort: stopped.port });
    const client = new Redis(broken.port, { ...WITHOUT_RESEND, retryStrategy: () => null });
    client.on('error', () => {});
    expect(await client.ping()).toBe('PONG');
    const closed = once(client, 'end');
    await stopped.kill();
    await closed;
    const late = new Redis(broken.port, { retryStrategy: () => null });
    late.on('error', () => {});
    await expect(late.ping()).rejects.toThrow('Connection is closed');
    await broken.stop();
    await stopped.stop();
  });

  it('executes exactly what it promises, with random faults on many clients', () =>
    withSeed('random faults', async (random) => {
      const applied: Fault[] = [
        { kind: 'cutBeforeReply' },
        { kind: 'deliverLate', afterCommands: 3 },
        { kind: 'reset', when: 'beforeReply' },
      ];
      const lost: Fault[] = [
        { kind: 'cutBeforeRequest' },
        { kind: 'reset', when: 'beforeRequest' },
      ];
      const harmless: Fault[] = [{ kind: 'sliceReply' }];
      let appliedInSecret = 0;
      proxy.decide = (request) => {
        if (!isIncrement(request) || !random.chance(0.1)) return undefined;
        const faults = random.pick([applied, lost, harmless]);
        if (faults === applied) appliedInSecret += 1;
        return random.pick(faults);
      };
      let acknowledged = 0;
      const work = async (client: Redis): Promise<void> => {
        for (let round = 0; round < 250; round += 1) {
          const [outcome] = await Promise.allSettled([client.incr('counter')]);
          if (outcome.status === 'fulfilled') acknowledged += 1;
        }
      };
      const workers = await Promise.all(Array.from({ length: 4 }, () => connectClient()));
      await Promise.all(workers.map(work));
      await proxy.releaseLate();
      expect(acknowledged).toBeGreaterThan(500);
      expect(appliedInSecret).toBeGreaterThan(0);
      const expected = acknowledged + appliedInSecret;
      await until('late requests were executed', async () => (await counter()) >= expected);
      expect(await counter()).toBe(expected);
    }));
});
