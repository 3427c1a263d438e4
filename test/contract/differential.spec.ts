import { systemClock } from '../../lib/store/clock.js';
import { InvariantViolationError } from '../../lib/errors/index.js';
import { EmbeddedStore } from '../../lib/store/embedded/embedded-store.js';
import { recordKeyOf, type TransactionAddress } from '../../lib/store/transaction-address.js';
import type { RecordLifetime, VersionedStore } from '../../lib/store/versioned-store.js';
import { RandomSteps, type RandomStep } from '../support/random-commits.js';
import { openRedisStore } from '../support/redis-store.js';
import { describeRedis, RedisServer } from '../support/redis-server.js';
import { withSeed } from '../support/seeded-random.js';

const STEPS = 6000;
/** Values of other programs stay for ever; so everything goes from time to time. */
const STEPS_OF_A_LIFE = 60;
const LIFETIME: RecordLifetime = {
  longestTimeoutMs: 60_000,
  marginMs: 10_000,
  retentionMs: 3_600_000,
};

/** Every time in a reply or in a record differs between two stores, and means the same. */
function withoutTimes(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(/"decidedAt":\d+/, '"decidedAt":0');
  if (typeof value !== 'object' || value === null) return value;
  return { ...value, ...('nodeTimeMs' in value ? { nodeTimeMs: 0 } : {}) };
}

function answerOf(store: VersionedStore, step: RandomStep): Promise<unknown> {
  return askFor(store, step).catch((error: unknown) => {
    if (error instanceof InvariantViolationError) return { status: 'violation' };
    throw error;
  });
}

function addressOf(step: RandomStep): TransactionAddress | undefined {
  if (step.kind === 'commit') return step.commit.address;
  if (step.kind === 'announce') return step.pending.address;
  return 'address' in step ? step.address : undefined;
}

async function askFor(store: VersionedStore, step: RandomStep): Promise<unknown> {
  const until = systemClock.now() + 10_000;
  switch (step.kind) {
    case 'commit': {
      const commit = { ...step.commit };
      return { ...(await store.commitOnePhase(commit, until)), sent: commit.sent };
    }
    case 'announce':
      return store.announce(step.pending, until);
    case 'conclude':
      return store.conclude(step.address, step.outcome, until);
    case 'fence':
      return store.fence(step.address, until);
    case 'outcome':
      return store.outcome(step.address, until);
    case 'read':
      return (await store.read(step.keys, until)).items;
    case 'foreign':
      return undefined;
  }
}

describeRedis('EmbeddedStore and RedisStore', () => {
  let server: RedisServer;
  let opened: Awaited<ReturnType<typeof openRedisStore>>;
  let embedded: EmbeddedStore;

  beforeAll(async () => {
    server = await RedisServer.start();
    opened = await openRedisStore({ url: server.url }, LIFETIME);
    embedded = new EmbeddedStore({ name: 'default', clock: systemClock, lifetime: LIFETIME });
  });
  afterAll(async () => {
    await opened.close();
    await server.stop();
  });

  it(`give the same answers and hold the same text after each of ${STEPS} random steps`, async () => {
    await withSeed('the two stores', async (random) => {
      const keys = Array.from({ length: 8 }, (_, index) => `key-${index}`);
      const steps = new RandomSteps(random, keys);
      const stood = new Map<string, string | undefined>();
      const seen = new Map<string, number>();
      for (let nth = 0; nth < STEPS; nth++) {
        if (nth % STEPS_OF_A_LIFE === 0) {
          await opened.other.flushdb();
          embedded.clear();
          stood.clear();
        }
        const step = steps.next(stood, opened.store.toNodeTime(systemClock.now()));
        if (step.kind === 'foreign') {
          await opened.other.set(step.key, step.value);
          embedded.setForeign(step.key, step.value);
        }
        const [theirs, ours] = await Promise.all([
          answerOf(opened.store, step),
          answerOf(embedded, step),
        ]);
        const address = addressOf(step);
        const touched = address === undefined ? keys : [...keys, recordKeyOf(address)];
        const raw = await opened.other.mget(touched);
        const inMemory = touched.map((key) => embedded.peekRaw(key) ?? null);

        const where = { nth, step };
        expect({ ...where, answer: withoutTimes(theirs), raw: raw.map(withoutTimes) }).toEqual({
          ...where,
          answer: withoutTimes(ours),
          raw: inMemory.map(withoutTimes),
        });
        keys.forEach((key, index) => stood.set(key, raw[index] ?? undefined));
        const kind = statusOf(theirs) ?? step.kind;
        seen.set(kind, (seen.get(kind) ?? 0) + 1);
      }
      const kinds = ['committed', 'conflict', 'locked', 'bound', 'absent', 'counters', 'foreign'];
      const others = ['announced', 'violation', 'conclude', 'fence', 'read'];
      for (const kind of [...kinds, 'rolled_back', 'deadline', ...others]) {
        const least = kind === 'violation' ? 3 : 20;
        expect({ kind, often: (seen.get(kind) ?? 0) >= least }).toEqual({ kind, often: true });
      }
    });
  }, 120_000);
});

function statusOf(answer: unknown): string | undefined {
  return typeof answer === 'object' && answer !== null && 'status' in answer
    ? String(answer.status)
    : undefined;
}
