import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isNoScript } from './redis-errors.js';
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

  constructor(
    readonly file: string,
    readonly contract: ScriptContract,
  ) {
    this.source = readFileSync(new URL(`./scripts/${file}`, import.meta.url), 'utf8');
    this.#sha = createHash('sha1').update(this.source).digest('hex');
  }

  /** `args` holds the keys first. The text is constant: all data travel as arguments. */
  run(connection: RedisConnection, keyCount: number, args: readonly string[]): Promise<unknown> {
    const count = String(keyCount);
    return connection.execute('EVALSHA', [this.#sha, count, ...args]).catch((error: unknown) => {
      if (!isNoScript(error)) throw error;
      return connection.execute('EVAL', [this.source, count, ...args]);
    });
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
    'failed',
    'torn',
  ],
});

export const FENCE = new RedisScript('fence.lua', {
  keys: ['record'],
  args: ['deadlineAtMs', 'marginMs', 'keepMs'],
  replies: ['committed', 'rolled_back', 'forgotten'],
});
