import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isNoScript } from './redis-errors.js';
import type { Instead } from './node-connection.js';
import type { RedisConnection } from './redis-connection.js';

/** What the header of a script must say; a test holds the file against it. */
export interface ScriptContract {
  readonly keys: readonly string[];
  readonly args: readonly string[];
  readonly replies: readonly string[];
}

/** One Lua file: sent by its digest, and in full where the server does not know it yet. */
export class RedisScript {
  readonly source: string;
  readonly #sha: string;

  /** @param shared Files that are put before the script: what it shares with others. */
  constructor(
    readonly file: string,
    readonly contract: ScriptContract,
    readonly shared: readonly string[] = [],
  ) {
    const texts = [...shared, file].map((name) =>
      readFileSync(new URL(`./scripts/${name}`, import.meta.url), 'utf8'),
    );
    this.source = texts.join('');
    this.#sha = createHash('sha1').update(this.source).digest('hex');
  }

  /**
   * The text is constant: all data travel as arguments.
   *
   * @param argsOf The keys, then the other arguments; asked for again where the server does not know the
   *   script. What nobody holds meanwhile dies young: see ADR 6.
   */
  run(
    connection: RedisConnection,
    keyCount: number,
    argsOf: () => readonly string[],
  ): Promise<unknown> {
    const full = (): Promise<unknown> =>
      this.#send(connection, ['EVAL', this.source, keyCount], argsOf());
    return this.#send(connection, ['EVALSHA', this.#sha, keyCount], argsOf(), (error) =>
      isNoScript(error) ? full() : undefined,
    );
  }

  #send(
    connection: RedisConnection,
    [command, script, keyCount]: readonly [string, string, number],
    args: readonly string[],
    instead?: Instead,
  ): Promise<unknown> {
    return connection.execute(command, [script, String(keyCount), ...args], args[0], instead);
  }
}

export const COMMIT_ONE_PHASE = new RedisScript('commit-one-phase.lua', {
  keys: ['record', 'items'],
  args: ['longestTimeoutMs', 'body', 'step', 'foreign'],
  replies: [
    'committed',
    'conflict',
    'locked',
    'bound',
    'absent',
    'counters',
    'foreign',
    'rolled_back',
    'deadline',
    'pending',
    'failed',
    'torn',
  ],
});

export const ANNOUNCE = new RedisScript('announce.lua', {
  keys: ['record'],
  args: ['longestTimeoutMs', 'deadlineAtMs', 'replaces', 'text'],
  replies: ['announced', 'committed', 'rolled_back', 'deadline'],
});

export const CONCLUDE = new RedisScript('conclude.lua', {
  keys: ['record'],
  args: ['outcome'],
  replies: ['committed', 'rolled_back', 'pending', 'forgotten'],
});

export const FENCE = new RedisScript('fence.lua', {
  keys: ['record'],
  args: ['deadlineAtMs', 'marginMs', 'keepMs'],
  replies: ['committed', 'rolled_back', 'pending', 'forgotten'],
});

export const FORGET = new RedisScript('forget.lua', {
  keys: ['instances'],
  args: ['nowMs', 'instance'],
  replies: ['forgotten', 'alive'],
});

export const TURN = new RedisScript('turn.lua', {
  keys: ['turn'],
  args: ['process', 'leaseMs', 'graceMs', 'step'],
  replies: ['taken', 'next', 'waiting', 'kept', 'passed'],
});

export const PREPARE = new RedisScript(
  'prepare.lua',
  {
    keys: ['items'],
    args: ['lock', 'step'],
    replies: ['prepared', 'conflict', 'locked', 'bound', 'absent', 'counters', 'foreign', 'failed'],
  },
  ['items.lua'],
);

export const APPLY = new RedisScript(
  'apply.lua',
  { keys: ['items'], args: ['address', 'step'], replies: ['applied', 'passed'] },
  ['items.lua'],
);

export const RELEASE = new RedisScript(
  'release.lua',
  { keys: ['items'], args: ['address'], replies: ['released'] },
  ['items.lua'],
);
