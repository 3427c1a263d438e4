import { InvariantViolationError, StoreRefusedError } from '../../errors/index.js';
import { messageOf } from '../../errors/message-of.js';
import { recordKeyOf, RESERVED_PREFIX } from '../transaction-address.js';
import { nextVersion } from '../version.js';
import type { CommitItem, OnePhaseCommit } from '../versioned-store.js';
import { CommitMessage, keyCountOf, parseCommitReply } from './commit-message.js';
import type { RedisConnection } from './redis-connection.js';
import { executionOf, isServerError, withoutArguments } from './redis-errors.js';
import { APPLY, COMMIT_ONE_PHASE, FENCE, FORGET, PREPARE, RELEASE } from './redis-script.js';

const OLDEST = { major: 6, minor: 2 } as const;

/** Where the module tells what it noticed. */
export type Warn = (message: string) => void;

export interface ServerDemands {
  readonly allowEvictionPolicy: string | undefined;
  readonly durability?: { readonly replicas: number } | undefined;
  readonly warn: Warn;
}

/**
 * Refuses a server on which transactions would not hold: too old, a replica, or one that evicts.
 * Reads INFO only, since CONFIG is often forbidden.
 *
 * @throws StoreRefusedError naming what was found and what is needed, other errors for what passes.
 */
export async function checkServers(
  connection: RedisConnection,
  { allowEvictionPolicy, durability, warn }: ServerDemands,
): Promise<void> {
  let infos: readonly string[];
  try {
    infos = await connection.executeOnMasters('INFO', []);
  } catch (error) {
    if (!messageOf(error).startsWith('NOPERM')) throw error;
    warn(
      'INFO is denied by ACL, so the version and the eviction policy of Redis were not checked.',
    );
    return;
  }
  for (const info of infos.map(parseInfo)) {
    refuseReplica(info, connection.isCluster);
    checkServer(info, allowEvictionPolicy);
  }
  if (durability !== undefined) warnOfMissingReplicas(infos, durability.replicas, warn);
  if (infos.every((info) => parseInfo(info).get('aof_enabled') !== '1')) {
    await warnWithoutSnapshots(connection, warn);
  }
}

/** No refusal: a replica that is away may come back, and commits that it does not get say so. */
function warnOfMissingReplicas(infos: readonly string[], replicas: number, warn: Warn): void {
  const fewest = Math.min(
    ...infos.map((info) => info.match(/^slave\d+:.*state=online/gm)?.length ?? 0),
  );
  if (fewest >= replicas) return;
  warn(
    `durability.replicas is ${replicas}, and a master of this Redis has ${fewest} connected: until there are more, ` +
      'every commit on it ends with DurabilityNotReachedError.',
  );
}

async function warnWithoutSnapshots(connection: RedisConnection, warn: Warn): Promise<void> {
  try {
    const settings = await connection.executeOnMasters('CONFIG', ['GET', 'save']);
    if (settings.every((setting) => setting.split(',').slice(1).join('') !== '')) return;
    warn('Redis persists nothing: when it restarts, every item and every outcome is lost.');
  } catch {
    // CONFIG is often forbidden, and this is advice only.
  }
}

/** In a cluster, a master that the client still knows may have become a replica: that passes. */
function refuseReplica(info: ReadonlyMap<string, string>, isCluster: boolean): void {
  if (info.get('role') !== 'slave') return;
  if (isCluster) throw new Error('a master of the cluster has become a replica');
  throw new StoreRefusedError(
    'This Redis is a read-only replica. Connect to the master, to Sentinel, or to the cluster.',
  );
}

function checkServer(
  info: ReadonlyMap<string, string>,
  allowEvictionPolicy: string | undefined,
): void {
  const version = info.get('redis_version') ?? '';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < OLDEST.major || (major === OLDEST.major && minor < OLDEST.minor)) {
    throw new StoreRefusedError(
      `Redis ${version} is too old; this library needs Redis 6.2 or newer, or Valkey.`,
    );
  }
  const policy = info.get('maxmemory_policy') ?? 'noeviction';
  if (policy !== 'noeviction' && policy !== allowEvictionPolicy) {
    throw new StoreRefusedError(
      `Redis evicts keys: its maxmemory-policy is ${policy}, which breaks transactions silently. Set it to ` +
        `noeviction, or accept the loss by name with allowEvictionPolicy: '${policy}'.`,
    );
  }
}

function parseInfo(text: string): ReadonlyMap<string, string> {
  const pairs = text
    .split(/\r?\n/)
    .filter((line) => line.includes(':'))
    .map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1)];
    });
  return new Map(pairs);
}

/**
 * Runs every command of every script on keys of our own, so that a command denied by ACL is found
 * now, and not in the middle of somebody's transaction.
 *
 * @throws StoreRefusedError with the server's error as `cause`.
 */
export async function probeScripts(
  connection: RedisConnection,
  probe: { readonly id: string; readonly home: string; readonly nodeTimeMs: number },
): Promise<void> {
  const { home } = probe;
  const key = (name: string): string => `${RESERVED_PREFIX}{${home}}:probe:${probe.id}:${name}`;
  const deadlineAtMs = Math.ceil(probe.nodeTimeMs) + 30_000;
  const write = { kind: 'write', counters: '1', payload: '{}', ttlMs: undefined } as const;
  const add = { index: 0, by: 1, min: 0, max: undefined };
  const steps: readonly (readonly CommitItem[])[] = [
    [
      { key: key('a'), expected: '0', change: write },
      { key: key('b'), expected: undefined, change: { ...write, ttlMs: 60_000 } },
      { key: key('c'), expected: '0', change: undefined },
    ],
    [
      { key: key('d'), expected: '0', change: write },
      { key: key('e'), expected: '0', change: write },
    ],
    [
      {
        key: key('a'),
        expected: undefined,
        change: { kind: 'increment', increments: [add], ttlMs: undefined },
      },
    ],
    [
      { key: key('a'), expected: `2.${probe.id}2`, change: { kind: 'delete' } },
      { key: key('b'), expected: `1.${probe.id}0`, change: { kind: 'delete' } },
      { key: key('d'), expected: nextVersion('0', `${probe.id}1`), change: { kind: 'delete' } },
      { key: key('e'), expected: nextVersion('0', `${probe.id}1`), change: { kind: 'delete' } },
    ],
  ];
  for (const [index, items] of steps.entries()) {
    const address = { id: `${probe.id}${index}`, home, deadlineAtMs };
    await probeCommit(connection, { address, items, record: '"probe":true', sent: true });
  }
  const fenced = { id: `${probe.id}f`, home };
  await refusedWhenDenied(() =>
    FENCE.run(connection, 1, () => [recordKeyOf(fenced), String(deadlineAtMs), '1000', '1000']),
  );
  if (connection.isCluster) await probeTwoPhases(connection, probe);
  await refusedWhenDenied(() => connection.execute('MGET', [key('a')]));
  await refusedWhenDenied(() => connection.execute('GET', [key('a')]));
}

/** What a durability asks for beyond that. @throws StoreRefusedError */
export async function probeWait(connection: RedisConnection): Promise<void> {
  await refusedWhenDenied(() => connection.executeOnMasters('WAIT', ['0', '1']));
}

/** What only transactions over several nodes need: locks on an item that expires, and the journal. */
async function probeTwoPhases(
  connection: RedisConnection,
  { id, home }: { readonly id: string; readonly home: string },
): Promise<void> {
  const at = (name: string): string => `${RESERVED_PREFIX}{${home}}:probe:${id}:${name}`;
  const [absent, journal, instances] = [at('f'), at('journal'), at('instances')];
  const address = `${id}g@${home}@0`;
  await refusedWhenDenied(async () => {
    await PREPARE.run(connection, 1, () => [absent, address, 'b']);
    await APPLY.run(connection, 1, () => [absent, address, `w1.x|`]);
    await RELEASE.run(connection, 1, () => [absent, address]);
    await connection.execute('HSET', [journal, address, '[]']);
    await connection.execute('PEXPIRE', [journal, '60000']);
    await connection.execute('HSCAN', [journal, '0', 'COUNT', '1']);
    await connection.execute('HLEN', [journal]);
    await connection.execute('HDEL', [journal, address]);
    await connection.execute('ZADD', [instances, '0', id]);
    await connection.execute('ZRANGEBYSCORE', [instances, '-inf', '0', 'LIMIT', '0', '1']);
    await FORGET.run(connection, 1, () => [instances, '0', id]);
  });
}

async function probeCommit(connection: RedisConnection, commit: OnePhaseCommit): Promise<void> {
  const times = { longestTimeoutMs: 60_000, keepMs: 1000, tombstoneMs: undefined };
  const argsOf = (): readonly string[] => new CommitMessage(times, [commit]).all;
  const reply = await refusedWhenDenied(async () => {
    const replies = await COMMIT_ONE_PHASE.run(connection, keyCountOf([commit]), argsOf);
    return parseCommitReply((replies as unknown[])[0]);
  });
  if (reply.status === 'committed') return;
  throw refusal(new Error(reply.status === 'failed' ? reply.message : `answered ${reply.status}`));
}

async function refusedWhenDenied<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    throw isDenied(error) ? refusal(error) : error;
  }
}

/** A connection that breaks meanwhile, or a server that is loading, says nothing about permissions. */
function isDenied(error: unknown): boolean {
  if (error instanceof InvariantViolationError) return true;
  return isServerError(error) && executionOf(error) !== 'not-executed';
}

function refusal(error: unknown): StoreRefusedError {
  return new StoreRefusedError(
    `Redis refused a command that every transaction needs: ${messageOf(error)}. See "Least privilege" in ` +
      'the README for the permissions to grant.',
    { cause: withoutArguments(error) },
  );
}
