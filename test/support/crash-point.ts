import type { Connection, Pool as MysqlPool } from 'mysql2/promise';
import type { Pool as PgPool, PoolClient } from 'pg';
import { IgniteCache } from '../../lib/ignite/ignite-cache.js';
import { MemcachedCache } from '../../lib/memcached/memcached-cache.js';
import type { MoneyClient } from './money-client.js';
import type { TestRuntime } from './test-runtime.js';

/**
 * Where a process dies: before or after a step of the store or a participant (`pg.decide#1`: the first call of
 * `decide`), or just when a statement was `sent` (`pg> COMMIT#1`), which nobody then hears the answer to.
 */
export interface CrashPoint {
  readonly call: string;
  readonly when: 'before' | 'sent' | 'after';
  /** What it sends itself. @default 'SIGKILL' */
  readonly signal?: 'SIGKILL' | 'SIGSTOP';
}

type Method = (...args: unknown[]) => Promise<unknown>;
type Methods = Record<string, Method>;

const STORE_STEPS = [
  'commitOnePhase',
  'prepare',
  'apply',
  'release',
  'retire',
  'fence',
  'announce',
  'conclude',
];
const JOURNAL_STEPS = ['enter', 'leave'];
const CACHE_WRITES = ['add', 'replace', 'remove'];
/** Of these, the moment before is not the one after some other step. */
const BEGUN_BESIDE_OTHERS = /^store\.(prepare|commitOnePhase)|^cache\.|\.(decide|commit|rollback)$/;
const PARTICIPANT_STEPS = ['prepare', 'commit', 'rollback', 'decide', 'fence'];

/** Numbers what one process asks of the servers, and kills it at one of these calls. */
export class CrashPoints {
  readonly calls: CrashPoint[] = [];
  readonly #counts = new Map<string, number>();
  readonly #at: CrashPoint | undefined;
  #armed = false;

  constructor(at: CrashPoint | undefined) {
    this.#at = at;
  }

  /** From now on calls count. */
  arm(): void {
    this.#armed = true;
  }

  watch({ runtime, postgres, mariadb, pools }: MoneyClient): void {
    this.#wrap(runtime.store, 'store', STORE_STEPS);
    this.#wrap(runtime.store.journal, 'journal', JOURNAL_STEPS);
    for (const one of [postgres, ...mariadb]) this.#wrap(one, one.name, PARTICIPANT_STEPS);
    const [pool, ...others] = pools;
    this.#watchPg(pool);
    for (const [nth, other] of others.entries()) this.#watchMysql(other, mariadb[nth]!.name);
  }

  /** Steps of all stores together, and the writes of those that compare and set one key at a time. */
  watchStores({ store }: TestRuntime): void {
    this.#wrap(store, 'store', STORE_STEPS);
    this.#wrap(store.journal, 'journal', JOURNAL_STEPS);
    for (const { prototype } of [MemcachedCache, IgniteCache]) {
      this.#wrap(prototype, 'cache', CACHE_WRITES);
    }
  }

  #wrap(target: object, name: string, steps: readonly string[]): void {
    const methods = target as Methods;
    for (const step of steps) {
      const own = methods[step];
      if (own === undefined) continue;
      const around = (call: () => Promise<unknown>) => this.#around(`${name}.${step}`, call);
      methods[step] = function (this: unknown, ...args) {
        return around(() => own.apply(this, args));
      };
    }
  }

  async #around(name: string, call: () => Promise<unknown>): Promise<unknown> {
    const both = BEGUN_BESIDE_OTHERS.test(name);
    const counted = this.#count(name, both ? ['before', 'after'] : ['after']);
    this.#dieAt(counted, 'before');
    try {
      return await call();
    } finally {
      this.#dieAt(counted, 'after');
    }
  }

  #watchPg(pool: PgPool): void {
    const watched = new WeakSet<PoolClient>();
    pool.on('acquire', (client) => {
      if (watched.has(client)) return;
      watched.add(client);
      this.#watchStatements(client as unknown as Methods, 'pg', ['query']);
    });
  }

  #watchMysql(pool: MysqlPool, name: string): void {
    const own = pool.getConnection.bind(pool);
    pool.getConnection = async () => {
      const connection = await own();
      const methods = connection as Connection as unknown as Methods;
      this.#watchStatements(methods, name, ['query', 'execute']);
      return connection;
    };
  }

  #watchStatements(connection: Methods, name: string, methods: readonly string[]): void {
    for (const method of methods) {
      const own = connection[method]!.bind(connection);
      connection[method] = (...args) => {
        const text = String((args[0] as { text?: string } | undefined)?.text ?? args[0]);
        const call = this.#count(`${name}> ${firstWords(text)}`, ['sent']);
        const answer = own(...args);
        if (this.#isAt(call, 'sent')) setImmediate(() => setImmediate(() => this.#die()));
        return answer;
      };
    }
  }

  #count(name: string, moments: readonly CrashPoint['when'][]): string {
    if (!this.#armed) return '';
    const nth = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, nth);
    const call = `${name}#${nth}`;
    for (const when of moments) this.calls.push({ call, when });
    return call;
  }

  #isAt(call: string, when: CrashPoint['when']): boolean {
    return this.#at?.call === call && this.#at.when === when;
  }

  #dieAt(call: string, when: CrashPoint['when']): void {
    if (this.#isAt(call, when)) this.#die();
  }

  #die(): void {
    process.kill(process.pid, this.#at?.signal ?? 'SIGKILL');
  }
}

function firstWords(text: string): string {
  return text.split(/\s+/, 2).join(' ');
}
