import { randomUUID } from 'node:crypto';
import { StoreUnavailableError } from '../../lib/errors/index.js';
import type { SeenText, SingleKeyCache } from '../../lib/store/single-key/single-key-cache.js';
import { CommitReplyLostError } from '../../lib/store/versioned-store.js';
import { poll } from './poll.js';

/** A cache and its servers, as one test has them to itself or shares them. */
export interface CacheUnderTest {
  /** Open. */
  readonly cache: SingleKeyCache;
  /** Another client of the same servers, open. */
  readonly other: SingleKeyCache;
  /** Once it resolves, the servers keep their connections and answer nothing until `resume`. */
  pause(): Promise<void>;
  resume(): void;
  /** Closes both clients, whether or not a test did already. */
  close(): Promise<void>;
}

const callMs = 5_000;
const shortMs = 150;
const longKeyBytes = 1_024;
const largeTextLength = 1_000_000;
const keysOfOneTurn = 500;
const contenders = 16;
const minuteMs = 60_000;

/** Local monotonic time, so many milliseconds from now. */
export function untilIn(milliseconds = callMs): number {
  return performance.now() + milliseconds;
}

/** What a `SingleKeyCache` promises, on real servers. Keys are new ones: servers need not be empty. */
export function describeSingleKeyCache(name: string, factory: () => Promise<CacheUnderTest>): void {
  describe(`${name} as a SingleKeyCache`, () => {
    let tested: CacheUnderTest;
    let cache: SingleKeyCache;
    let other: SingleKeyCache;
    let key: string;

    beforeEach(async () => {
      tested = await factory();
      ({ cache, other } = tested);
      key = `contract:${randomUUID()}`;
    });
    afterEach(async () => {
      tested.resume();
      await tested.close();
    });

    async function read(from: SingleKeyCache, ofKey = key): Promise<SeenText | undefined> {
      return (await from.get([ofKey], untilIn()))[0];
    }

    async function added(text: string, ofKey = key): Promise<SeenText> {
      const seen = await cache.add(ofKey, text, undefined, untilIn());
      if (seen === undefined) throw new Error(`Something stands at ${ofKey}`);
      return seen;
    }

    describe('add', () => {
      it('writes where nothing stands and answers what stands now', async () => {
        expect(await added('one')).toMatchObject({ text: 'one' });
        expect(await read(other)).toMatchObject({ text: 'one' });
      });

      it('leaves what stands as it is', async () => {
        await added('one');
        expect(await other.add(key, 'two', undefined, untilIn())).toBeUndefined();
        expect(await read(cache)).toMatchObject({ text: 'one' });
      });

      it('lets one of many win', async () => {
        const texts = Array.from({ length: contenders }, (_, at) => `text ${at}`);
        const results = await Promise.all(
          texts.map((text, at) => [cache, other][at % 2]!.add(key, text, undefined, untilIn())),
        );
        const won = results.filter((seen) => seen !== undefined);
        expect(won).toHaveLength(1);
        expect(await read(cache)).toMatchObject({ text: won[0]!.text });
      });
    });

    describe('replace', () => {
      it('writes where the key stands as it was added', async () => {
        const seen = await added('one');
        const now = await cache.replace(key, seen, 'two', undefined, untilIn());
        expect(now).toMatchObject({ text: 'two' });
        expect(await read(other)).toMatchObject({ text: 'two' });
      });

      it('writes where the key stands as it was read, again and again', async () => {
        await added('0');
        let seen = await read(other);
        for (const text of ['1', '2', '3']) {
          seen = await other.replace(key, seen!, text, undefined, untilIn());
          expect(seen).toMatchObject({ text });
        }
        expect(await read(cache)).toMatchObject({ text: '3' });
      });

      it('refuses what was seen before somebody else wrote', async () => {
        const seen = await added('one');
        await other.replace(key, (await read(other))!, 'two', undefined, untilIn());
        expect(await cache.replace(key, seen, 'three', undefined, untilIn())).toBeUndefined();
        expect(await read(cache)).toMatchObject({ text: 'two' });
      });

      it('refuses what was seen before the key was removed, and made again', async () => {
        const seen = await added('one');
        expect(await other.remove(key, (await read(other))!, untilIn())).toBe(true);
        expect(await cache.replace(key, seen, 'two', undefined, untilIn())).toBeUndefined();
        expect(await read(cache)).toBeUndefined();
        await other.add(key, 'three', undefined, untilIn());
        expect(await cache.replace(key, seen, 'two', undefined, untilIn())).toBeUndefined();
        expect(await read(cache)).toMatchObject({ text: 'three' });
      });

      it('lets one of many win that saw the same', async () => {
        await added('before');
        const [mine, theirs] = [await read(cache), await read(other)];
        const results = await Promise.all(
          Array.from({ length: contenders }, (_, at) =>
            at % 2 === 0
              ? cache.replace(key, mine!, `text ${at}`, undefined, untilIn())
              : other.replace(key, theirs!, `text ${at}`, undefined, untilIn()),
          ),
        );
        const won = results.filter((seen) => seen !== undefined);
        expect(won).toHaveLength(1);
        expect(await read(cache)).toMatchObject({ text: won[0]!.text });
      });

      it('loses no increment of many', async () => {
        await added('0');
        await Promise.all(
          Array.from({ length: contenders }, async (_, at) => {
            const client = [cache, other][at % 2]!;
            for (;;) {
              const seen = await read(client);
              const next = String(Number(seen!.text) + 1);
              if (await client.replace(key, seen!, next, undefined, untilIn())) return;
            }
          }),
        );
        expect(await read(cache)).toMatchObject({ text: String(contenders) });
      });
    });

    describe('remove', () => {
      it('removes where the key stands as it was seen', async () => {
        const seen = await added('one');
        expect(await cache.remove(key, seen, untilIn())).toBe(true);
        expect(await read(other)).toBeUndefined();
        expect(await other.add(key, 'two', undefined, untilIn())).toMatchObject({ text: 'two' });
      });

      it('leaves what somebody else wrote since', async () => {
        const seen = await added('one');
        await other.replace(key, (await read(other))!, 'two', undefined, untilIn());
        expect(await cache.remove(key, seen, untilIn())).toBe(false);
        expect(await read(cache)).toMatchObject({ text: 'two' });
      });

      it('says so where nothing stands any more', async () => {
        const seen = await added('one');
        expect(await cache.remove(key, seen, untilIn())).toBe(true);
        expect(await cache.remove(key, seen, untilIn())).toBe(false);
      });

      it('lets one of many win', async () => {
        await added('one');
        const [mine, theirs] = [await read(cache), await read(other)];
        const results = await Promise.all([
          cache.remove(key, mine!, untilIn()),
          other.remove(key, theirs!, untilIn()),
          cache.remove(key, mine!, untilIn()),
          other.remove(key, theirs!, untilIn()),
        ]);
        expect(results.filter(Boolean)).toHaveLength(1);
      });
    });

    describe('get', () => {
      it('answers in the order of the keys, the same one more than once', async () => {
        await added('a', `${key}:a`);
        await added('c', `${key}:c`);
        const asked = ['c', 'b', 'a', 'c'].map((end) => `${key}:${end}`);
        const found = await cache.get(asked, untilIn());
        expect(found.map((seen) => seen?.text)).toEqual(['c', undefined, 'a', 'c']);
      });

      it('answers nothing to nothing', async () => {
        expect(await cache.get([], untilIn())).toEqual([]);
      });

      it('takes names that every object of JavaScript has', async () => {
        const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];
        const found = await cache.get(names, untilIn());
        expect(found).toEqual(names.map(() => undefined));
      });
    });

    describe('expiry', () => {
      it('keeps what is to stay for a minute, or for ever', async () => {
        const seen = await cache.add(key, 'one', minuteMs, untilIn());
        expect(await read(other)).toMatchObject({ text: 'one' });
        const now = await cache.replace(key, seen!, 'two', minuteMs, untilIn());
        expect(await read(other)).toMatchObject({ text: 'two' });
        await cache.replace(key, now!, 'three', undefined, untilIn());
        expect(await read(other)).toMatchObject({ text: 'three' });
      });

      it('forgets by itself, or has what has expired swept', async () => {
        const kept = `${key}:kept`;
        await cache.add(key, 'over', 1, untilIn());
        await added('stays', kept);
        expect(cache.sweep === undefined).toBe(cache.expires);
        await cache.sweep?.((text) => text === 'over', untilIn());
        await poll(async () => ((await read(other)) === undefined ? true : undefined), {
          deadlineMs: callMs,
          until: 'the text has expired',
        });
        expect(await read(other, kept)).toMatchObject({ text: 'stays' });
      });
    });

    describe('keys and texts', () => {
      const keys: Record<string, (start: string) => string> = {
        'of 1,024 bytes': (start) => start.padEnd(longKeyBytes, 'k'),
        'with spaces': (start) => `${start}: a  b `,
        'that are not ASCII': (start) => `${start}:žluťoučký 🐎 日本`,
      };
      it.each(Object.keys(keys))('takes keys %s', async (kind) => {
        const asked = keys[kind]!(key);
        const seen = await added('one', asked);
        expect(await read(other, asked)).toMatchObject({ text: 'one' });
        expect(await read(other, asked.slice(0, -1))).toBeUndefined();
        expect(await cache.replace(asked, seen, 'two', undefined, untilIn())).toBeDefined();
        expect(await other.remove(asked, (await read(other, asked))!, untilIn())).toBe(true);
      });

      it('tells long keys apart that differ in their last character', async () => {
        const start = key.padEnd(longKeyBytes - 1, 'k');
        await added('a', `${start}a`);
        expect(await read(cache, `${start}b`)).toBeUndefined();
      });

      const texts: Record<string, string> = {
        'an empty text': '',
        'ends of lines': 'a\r\nEND\r\n\r\nSTORED\r\nb\r\n',
        'control characters': 'a\0b\tc\u007f',
        'what is not ASCII': 'žluťoučký 🐎 日本\r\n€',
        'almost a megabyte': 'x'.repeat(largeTextLength),
        'almost a megabyte that is not ASCII': '日'.repeat(largeTextLength / 3),
      };
      it.each(Object.keys(texts))('keeps %s as it is', async (kind) => {
        const text = texts[kind]!;
        const seen = await added(text);
        expect(seen.text === text).toBe(true);
        expect((await read(other))?.text === text).toBe(true);
        const now = await cache.replace(key, seen, `${text}!`, undefined, untilIn());
        expect(now?.text === `${text}!`).toBe(true);
        expect((await read(other))?.text === `${text}!`).toBe(true);
        expect(await cache.remove(key, now!, untilIn())).toBe(true);
      });
    });

    it('takes many keys in one turn, of every kind of call', async () => {
      const all = Array.from({ length: keysOfOneTurn }, (_, at) => `${key}:${at}`);
      const seen = await Promise.all(
        all.map((each) => cache.add(each, each, undefined, untilIn())),
      );
      expect(seen.map((each) => each?.text)).toEqual(all);
      const [found, ...results] = await Promise.all([
        cache.get(all, untilIn()),
        ...all.map((each, at) =>
          at % 2 === 0
            ? cache.replace(each, seen[at]!, 'new', undefined, untilIn())
            : cache.remove(each, seen[at]!, untilIn()),
        ),
      ]);
      expect(found).toHaveLength(all.length);
      expect(results.every(Boolean)).toBe(true);
      const now = await other.get(all, untilIn());
      expect(now.map((each) => each?.text)).toEqual(
        all.map((_, at) => (at % 2 === 0 ? 'new' : undefined)),
      );
    });

    describe('time', () => {
      it('never sends what is asked too late', async () => {
        const seen = await added('one');
        const late = untilIn(-1);
        const calls = [
          cache.get([key], late),
          cache.add(`${key}:new`, 'two', undefined, late),
          cache.replace(key, seen, 'two', undefined, late),
          cache.remove(key, seen, late),
          cache.ping(late),
        ];
        for (const call of calls) await expect(call).rejects.toThrow(StoreUnavailableError);
        const found = await cache.get([key, `${key}:new`], untilIn());
        expect(found.map((each) => each?.text)).toEqual(['one', undefined]);
      });

      it('gives reads up in time when servers are silent, and serves when they are back', async () => {
        await added('one');
        await tested.pause();
        await expect(cache.get([key], untilIn(shortMs))).rejects.toThrow(StoreUnavailableError);
        await expect(cache.ping(untilIn(shortMs))).rejects.toThrow(StoreUnavailableError);
        tested.resume();
        await cache.ping(untilIn());
        expect(await read(cache)).toMatchObject({ text: 'one' });
      });

      it('says that writes may have happened when servers are silent', async () => {
        const seen = await added('one');
        const removed = await added('one', `${key}:removed`);
        await tested.pause();
        const until = untilIn(shortMs);
        const calls = [
          cache.add(`${key}:new`, 'two', undefined, until),
          cache.replace(key, seen, 'two', undefined, until),
          cache.remove(`${key}:removed`, removed, until),
        ];
        const failures = await Promise.allSettled(calls);
        for (const failure of failures) {
          expect(failure).toMatchObject({ reason: expect.any(CommitReplyLostError) });
        }
        tested.resume();
        expect(['one', 'two']).toContain((await read(other))?.text);
        expect(await read(cache)).toBeDefined();
      });
    });

    it('lets what was sent be answered before it closes, and takes nothing afterwards', async () => {
      const adding = cache.add(key, 'one', undefined, untilIn());
      const reading = cache.get([key], untilIn());
      await cache.close();
      expect(await adding).toMatchObject({ text: 'one' });
      expect(await reading).toHaveLength(1);
      await expect(cache.get([key], untilIn())).rejects.toThrow(StoreUnavailableError);
      await expect(cache.add(key, 'two', undefined, untilIn())).rejects.toThrow(
        StoreUnavailableError,
      );
      await cache.close();
    });
  });
}
