import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MemcachedOptions } from 'nestjs-distributed-tx/memcached';
import { MemcachedCache } from '../../lib/memcached/memcached-cache.js';
import { StoreRefusedError, StoreUnavailableError } from '../../lib/errors/index.js';
import { systemClock } from '../../lib/store/clock.js';
import type { SeenText } from '../../lib/store/single-key/single-key-cache.js';
import { CommitReplyLostError } from '../../lib/store/versioned-store.js';
import { openssl } from '../../tools/servers/servers.mjs';
import { CuttingProxy } from '../support/cutting-proxy.js';
import { describeOpenssl } from '../support/describe-server.js';
import { freePort } from '../support/free-port.js';
import { describeMemcached, MemcachedServer } from '../support/memcached-server.js';
import { giveToServers, runProgram } from '../support/server-account.js';
import { untilIn } from '../support/single-key-cache-contract.js';

const shortMs = 200;

describeMemcached('MemcachedCache', () => {
  let ending: (() => Promise<unknown>)[] = [];

  afterEach(async () => {
    for (const end of ending.toReversed()) await end();
    ending = [];
  });

  async function start(options?: Parameters<typeof MemcachedServer.start>[0]) {
    const server = await MemcachedServer.start(options);
    ending.push(() => server.stop());
    return server;
  }

  async function proxyOf(server: MemcachedServer): Promise<CuttingProxy> {
    const proxy = await CuttingProxy.start(server.port);
    ending.push(() => proxy.close());
    return proxy;
  }

  function clientOf(options: MemcachedOptions): MemcachedCache {
    const cache = new MemcachedCache(options, systemClock);
    ending.push(() => cache.close());
    return cache;
  }

  async function open(...ports: number[]): Promise<MemcachedCache> {
    const cache = clientOf({ servers: ports.map((port) => `127.0.0.1:${port}`) });
    await cache.open(untilIn());
    return cache;
  }

  async function read(cache: MemcachedCache, key: string): Promise<SeenText | undefined> {
    return (await cache.get([key], untilIn()))[0];
  }

  async function added(cache: MemcachedCache, key: string, text: string): Promise<SeenText> {
    return (await cache.add(key, text, undefined, untilIn()))!;
  }

  describe('a server that was started again', () => {
    it('has the same CAS ids, and none of them passes', async () => {
      const server = await start();
      const cache = await open(server.port);
      const replaced = await added(cache, 'replaced', 'before');
      const removed = await added(cache, 'removed', 'before');
      const casIdsOf = () => server.command('gets replaced removed\r\n', 'END\r\n');
      const before = await casIdsOf();
      await server.restart();
      const later = await open(server.port);
      await added(later, 'replaced', 'before');
      await added(later, 'removed', 'before');
      expect(await casIdsOf()).toBe(before);
      await cache.open(untilIn());

      expect(
        await cache.replace('replaced', replaced, 'after', undefined, untilIn()),
      ).toBeUndefined();
      expect(await cache.remove('removed', removed, untilIn())).toBe(false);

      expect(await casIdsOf()).toBe(before);
      const seen = await read(cache, 'replaced');
      expect(await cache.replace('replaced', seen!, 'after', undefined, untilIn())).toBeDefined();
    });
  });

  describe('a connection that is cut', () => {
    it.each(['request', 'reply'] as const)('at the %s of a write', async (cut) => {
      const server = await start();
      const proxy = await proxyOf(server);
      const [cache, direct] = [await open(proxy.port), await open(server.port)];
      const happens = cut === 'reply';
      const seen = await added(cache, 'key', 'one');

      proxy.cutAt('add new', cut);
      await expect(cache.add('new', 'one', undefined, untilIn())).rejects.toThrow(
        CommitReplyLostError,
      );
      expect((await read(direct, 'new'))?.text).toBe(happens ? 'one' : undefined);

      expect(await cache.replace('key', seen, 'moved', undefined, untilIn())).toBeUndefined();
      const again = await read(cache, 'key');
      proxy.cutAt('cas key', cut);
      await expect(cache.replace('key', again!, 'two', undefined, untilIn())).rejects.toThrow(
        CommitReplyLostError,
      );
      expect((await read(direct, 'key'))?.text).toBe(happens ? 'two' : 'one');

      const last = await read(cache, 'key');
      proxy.cutAt('md key', cut);
      await expect(cache.remove('key', last!, untilIn())).rejects.toThrow(CommitReplyLostError);
      expect((await read(direct, 'key')) === undefined).toBe(happens);
      expect(proxy.cuts).toBe(3);
    });

    it.each(['request', 'reply'] as const)('at the %s of a read', async (cut) => {
      const server = await start();
      const proxy = await proxyOf(server);
      const cache = await open(proxy.port);
      await added(cache, 'key', 'one');

      proxy.cutAt('mg key', cut);
      await expect(read(cache, 'key')).rejects.toThrow(StoreUnavailableError);

      expect(await read(cache, 'key')).toMatchObject({ text: 'one' });
    });

    it('takes with it what was under way, and nothing that comes later', async () => {
      const server = await start();
      const proxy = await proxyOf(server);
      const cache = await open(proxy.port);

      proxy.cutAt('mg b', 'request');
      const lost = [cache.add('a', 'text', undefined, untilIn()), read(cache, 'b')];
      const [adding, reading] = await Promise.allSettled(lost);

      expect(adding).toMatchObject({ reason: expect.any(CommitReplyLostError) });
      expect(reading).toMatchObject({ reason: expect.any(StoreUnavailableError) });
      expect(await cache.add('a', 'text', undefined, untilIn())).toBeDefined();
    });

    it('while the server is asked for its settings', async () => {
      const server = await start();
      const proxy = await proxyOf(server);
      const cache = clientOf({ servers: [`127.0.0.1:${proxy.port}`] });

      proxy.cutAt('stats settings', 'reply');
      await cache.open(untilIn());

      expect(proxy.cuts).toBe(1);
      await cache.ping(untilIn());
    });
  });

  it('counts every increment that was acknowledged, and none twice, over connections that are cut', async () => {
    const server = await start();
    const direct = await open(server.port);
    await added(direct, 'count', '0');
    let [acknowledged, lost] = [0, 0];
    const cuts = ['request', 'reply'] as const;

    async function increment(cache: MemcachedCache): Promise<void> {
      for (;;) {
        const seen = await read(cache, 'count');
        const next = String(Number(seen!.text) + 1);
        if (await cache.replace('count', seen!, next, undefined, untilIn())) return;
      }
    }
    const work = Array.from({ length: 4 }, async () => {
      const proxy = await proxyOf(server);
      const cache = await open(proxy.port);
      for (let round = 0; round < 40; round++) {
        if (round % 4 === 0) proxy.cutAt('cas count', cuts[(round / 4) % 2]!);
        const failure = await increment(cache).then(
          () => acknowledged++,
          (error: unknown) => error,
        );
        if (failure instanceof CommitReplyLostError) lost++;
      }
    });
    await Promise.all(work);

    const count = Number((await read(direct, 'count'))?.text);
    expect(acknowledged + lost).toBe(160);
    expect(lost).toBe(40);
    expect(count).toBeGreaterThanOrEqual(acknowledged);
    expect(count).toBeLessThanOrEqual(acknowledged + lost);
  });

  describe('time', () => {
    it('gives up a server that is silent from the start, and never sends what was asked', async () => {
      const server = await start();
      await server.silence();
      const cache = clientOf({ servers: [server.address] });

      await expect(cache.open(untilIn(shortMs))).rejects.toThrow(server.address);
      const adding = cache.add('key', 'text', undefined, untilIn(shortMs));
      await expect(adding).rejects.toThrow(StoreUnavailableError);
      server.resume();

      await cache.ping(untilIn());
      expect(await read(cache, 'key')).toBeUndefined();
    });

    it('gives up in time what was asked later, and for a shorter time', async () => {
      const server = await start();
      await server.silence();
      const cache = clientOf({ servers: [server.address] });

      const patient = read(cache, 'key');
      await expect(cache.get(['key'], untilIn(shortMs))).rejects.toThrow(StoreUnavailableError);
      await expect(cache.get(['key'], untilIn(shortMs))).rejects.toThrow(StoreUnavailableError);
      server.resume();

      expect(await patient).toBeUndefined();
    });

    it('ends the connection of a write that is not answered in time, and its CAS ids with it', async () => {
      const server = await start();
      const cache = await open(server.port);
      const seen = await added(cache, 'key', 'one');
      await server.silence();

      const adding = cache.add('new', 'text', undefined, untilIn(shortMs));
      const reading = read(cache, 'key');
      await expect(adding).rejects.toThrow(CommitReplyLostError);
      await expect(reading).rejects.toThrow(StoreUnavailableError);
      server.resume();

      expect(await cache.replace('key', seen, 'two', undefined, untilIn())).toBeUndefined();
      expect(await read(cache, 'key')).toMatchObject({ text: 'one' });
    });

    it('lets a read go without the writes beside it', async () => {
      const server = await start();
      const cache = await open(server.port);
      await server.silence();

      const adding = cache.add('key', 'text', undefined, untilIn());
      await expect(cache.get(['key'], untilIn(shortMs))).rejects.toThrow(StoreUnavailableError);
      server.resume();

      expect(await adding).toMatchObject({ text: 'text' });
      expect(await read(cache, 'key')).toMatchObject({ text: 'text' });
    });
  });

  describe('a server that is not there', () => {
    it('is named, with what to do', async () => {
      const address = `127.0.0.1:${await freePort()}`;
      const cache = clientOf({ servers: [address] });

      await expect(cache.open(untilIn(shortMs))).rejects.toThrow(StoreUnavailableError);
      await expect(read(cache, 'key')).rejects.toThrow(
        `Memcached at ${address} could not be reached: connect ECONNREFUSED ${address}. Start it, or correct`,
      );
    });

    it('is waited for at the start', async () => {
      const server = await start();
      await server.kill();
      const cache = clientOf({ servers: [server.address] });
      const opening = cache.open(untilIn());

      await server.restart();

      await opening;
      expect(await added(cache, 'key', 'text')).toBeDefined();
    });

    it('is another kind of server', async () => {
      const other = createServer((socket) => {
        socket.on('error', () => undefined);
        socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
      });
      other.listen(0, '127.0.0.1');
      await once(other, 'listening');
      ending.push(async () => void other.close());
      const { port } = other.address() as AddressInfo;

      const cache = clientOf({ servers: [`127.0.0.1:${port}`] });

      await expect(cache.open(untilIn(shortMs))).rejects.toThrow(`Memcached at 127.0.0.1:${port}`);
    });
  });

  describe('a server that is not fit', () => {
    it('evicts, and is refused unless it is named', async () => {
      const { address } = await start({ evicts: true });
      const refused = clientOf({ servers: [address] });
      await expect(refused.open(untilIn())).rejects.toThrow(StoreRefusedError);
      await expect(read(refused, 'key')).rejects.toThrow(`allowEviction: ['${address}']`);

      const allowed = clientOf({ servers: [address], allowEviction: [address] });
      await allowed.open(untilIn());
      expect(allowed.mayEvict).toBe(true);
    });

    it('began to evict when it was started again', async () => {
      const server = await start();
      const cache = await open(server.port);
      expect(cache.mayEvict).toBe(false);

      await server.restartWith({ evicts: true });

      await expect(read(cache, 'key')).rejects.toThrow(StoreRefusedError);
    });

    it('keeps items in files, and evicts from there', async () => {
      const { address } = await start({ args: ['-o', 'ext_path=items:64m'] });
      await expect(clientOf({ servers: [address] }).open(untilIn())).rejects.toThrow('evicts');
    });

    it('has no CAS ids', async () => {
      const { address } = await start({ args: ['-C'] });
      const cache = clientOf({ servers: [address] });
      await expect(cache.open(untilIn())).rejects.toThrow('Start it without -C');
    });
  });

  describe('what does not fit', () => {
    const tooLarge = 'x'.repeat(1_100_000);

    it('is too large: nothing is written, and what stands stays', async () => {
      const cache = await open((await start()).port);
      const seen = await added(cache, 'key', 'one');

      await expect(cache.replace('key', seen, tooLarge, undefined, untilIn())).rejects.toThrow(
        /'key'.*1048576 bytes.*-I/s,
      );
      await expect(cache.add('new', tooLarge, undefined, untilIn())).rejects.toThrow(
        StoreRefusedError,
      );

      expect(await read(cache, 'new')).toBeUndefined();
      expect(await cache.replace('key', seen, 'two', undefined, untilIn())).toBeDefined();
    });

    it('finds no memory: nothing is written, what stands stays and can be removed', async () => {
      const cache = await open((await start({ memoryMb: 2 })).port);
      const seen = await added(cache, 'key', 'one');
      const text = 'x'.repeat(1_000);
      let refusal: unknown;
      for (let at = 0; refusal === undefined; at++) {
        const keys = Array.from({ length: 100 }, (_, index) => `fill:${at}:${index}`);
        const adding = keys.map((key) => cache.add(key, text, undefined, untilIn()));
        const results = await Promise.allSettled(adding);
        refusal = results.find((result) => result.status === 'rejected')?.reason;
      }

      expect(refusal).toBeInstanceOf(StoreRefusedError);
      expect(refusal).toMatchObject({ message: expect.stringMatching(/out of memory.*-m/s) });
      await expect(cache.replace('key', seen, text, undefined, untilIn())).rejects.toThrow(
        StoreRefusedError,
      );
      expect(await read(cache, 'key')).toMatchObject({ text: 'one' });
      expect(await cache.remove('key', seen, untilIn())).toBe(true);
    });

    it('is a key with a line in it', async () => {
      const cache = await open((await start()).port);
      await added(cache, 'kept', 'text');
      await added(cache, 'a\r\nflush_all', 'text');
      expect(await read(cache, 'kept')).toMatchObject({ text: 'text' });
      expect(await read(cache, 'a\r\nflush_all')).toMatchObject({ text: 'text' });
    });
  });

  describe('several servers', () => {
    it('share the keys, and one that is down keeps its own', async () => {
      const [first, second] = [await start(), await start()];
      const cache = await open(first.port, second.port);
      const keys = Array.from({ length: 100 }, (_, at) => `key:${at}`);
      await Promise.all(keys.map((key) => added(cache, key, 'text')));
      const countOn = async (server: MemcachedServer): Promise<number> =>
        Number(/curr_items (\d+)/.exec(await server.command('stats\r\n', 'END\r\n'))?.[1]);
      expect((await countOn(first)) + (await countOn(second))).toBe(keys.length);
      expect(await countOn(first)).toBeGreaterThan(20);
      expect(await countOn(second)).toBeGreaterThan(20);

      const kept = await countOn(second);
      await first.kill();

      const results = await Promise.allSettled(keys.map((key) => read(cache, key)));
      const served = results.filter(({ status }) => status === 'fulfilled');
      expect(served).toHaveLength(kept);
      expect(results.find(({ status }) => status === 'rejected')).toMatchObject({
        reason: { name: 'StoreUnavailableError', message: expect.stringContaining(first.address) },
      });
      await expect(cache.ping(untilIn())).rejects.toThrow(first.address);
    });
  });

  describeOpenssl('TLS', () => {
    it('is spoken, and only with whom is trusted', async () => {
      const dir = await mkdtemp(join(tmpdir(), 'dtx-tls-'));
      ending.push(() => rm(dir, { recursive: true }));
      await giveToServers(dir);
      const [certificate, key] = [join(dir, 'certificate.pem'), join(dir, 'key.pem')];
      const files = ['-keyout', key, '-out', certificate];
      const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
      const kind = [
        'req',
        '-x509',
        '-nodes',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
      ];
      await runProgram(openssl.find()!, [...kind, ...files, ...names], { cwd: dir });
      const tls = { port: await freePort(), certificate, key };
      await start({ tls });
      const servers = [`127.0.0.1:${tls.port}`];

      const trusting = clientOf({ servers, tls: { ca: await readFile(certificate) } });
      await trusting.open(untilIn());
      const seen = await added(trusting, 'key', 'one');
      expect(await trusting.replace('key', seen, 'two', undefined, untilIn())).toBeDefined();

      const others = clientOf({ servers, tls: {} });
      await expect(others.open(untilIn(shortMs))).rejects.toThrow('self-signed certificate');
      const plain = clientOf({ servers });
      await expect(plain.open(untilIn(shortMs))).rejects.toThrow(StoreUnavailableError);
    });
  });

  it('sends what is asked in one turn in one write', async () => {
    const { port } = await start();
    const packets: string[] = [];
    const recorder = createServer((client) => {
      const server = connect(port, '127.0.0.1');
      client.on('data', (data) => packets.push(data.toString()));
      client.pipe(server).pipe(client);
      for (const socket of [client, server]) socket.on('error', () => undefined);
    });
    recorder.listen(0, '127.0.0.1');
    await once(recorder, 'listening');
    ending.push(async () => void recorder.close());
    const cache = await open((recorder.address() as AddressInfo).port);
    packets.length = 0;

    const keys = Array.from({ length: 20 }, (_, at) => `key:${at}`);
    await Promise.all(keys.map((key) => cache.add(key, 'text', undefined, untilIn())));
    await Promise.all(keys.map(async (key) => cache.get([key], untilIn())));

    expect(packets).toHaveLength(2);
  });
});
