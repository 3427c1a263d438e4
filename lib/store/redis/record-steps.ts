import { InvariantViolationError } from '../../errors/index.js';
import { drawIdentity, identityKey, isIdentity } from '../cache-identity.js';
import { hasNoDecider, parseRecord, printPending } from '../stored-record.js';
import { recordKeyOf, type TransactionAddress } from '../transaction-address.js';
import type {
  AnnounceReply,
  FencedOutcome,
  PendingTransaction,
  RecordedOutcome,
  RecordLifetime,
  TransactionRecord,
} from '../versioned-store.js';
import { ANNOUNCE, CONCLUDE, FENCE } from './redis-script.js';
import { NotReplicatedError, notWorthWaiting } from './replication.js';
import type { TwoPhaseContext } from './two-phase-steps.js';

export interface RecordContext extends TwoPhaseContext {
  readonly lifetime: RecordLifetime;
  /** Called with the node's time when its clock proves to be other than thought. */
  readonly onClockDoubt: (nodeTimeMs: number, recordKey: string) => void;
}

/**
 * The steps on records alone, and on the name of the cache. All of them decide, or something that
 * decides rests on them; all of them may be repeated.
 */
export class RecordSteps {
  readonly #context: RecordContext;
  #identity: string | undefined;

  constructor(context: RecordContext) {
    this.#context = context;
  }

  announce(pending: PendingTransaction, until: number): Promise<AnnounceReply> {
    const { writes, persist, times, onClockDoubt } = this.#context;
    const { address, redo } = pending;
    const key = recordKeyOf(address);
    const numbers = [times.longestTimeoutMs, address.deadlineAtMs].map(String);
    const args = [key, ...numbers, redo === undefined ? '' : '+', printPending(pending)];
    // Nobody waits for replicas with locks in his hands.
    return persist(until, () =>
      ANNOUNCE.run(writes, 1, () => args).then(parseAnnounceReply, (error: unknown) => {
        throw notWorthWaiting(writes, error);
      }),
    ).then((reply) => {
      if (reply.status === 'deadline') onClockDoubt(reply.nodeTimeMs, key);
      return reply;
    });
  }

  async conclude(
    address: TransactionAddress,
    outcome: 'committed' | 'rolled_back',
    until: number,
  ): Promise<FencedOutcome> {
    const { writes, persist } = this.#context;
    const args = [recordKeyOf(address), outcome];
    const reply = await persist(until, () =>
      CONCLUDE.run(writes, 1, () => args).catch(this.#unlessCommitted),
    );
    if (reply === 'pending') throw hasNoDecider(address);
    return reply as FencedOutcome;
  }

  fence(address: TransactionAddress, until: number): Promise<FencedOutcome | 'pending'> {
    const { writes, persist, times, lifetime } = this.#context;
    const numbers = [address.deadlineAtMs, lifetime.marginMs, times.keepMs].map(String);
    const args = [recordKeyOf(address), ...numbers];
    return persist(until, async () => {
      const step = FENCE.run(writes, 1, () => args);
      return (await step.catch(this.#unlessCommitted)) as FencedOutcome | 'pending';
    });
  }

  outcome(address: TransactionAddress, until: number): Promise<RecordedOutcome> {
    const { writes, persist, nodeTime, lifetime } = this.#context;
    const key = recordKeyOf(address);
    return persist(until, async () => {
      const record = await writes.execute('GET', [key]);
      if (typeof record === 'string') {
        const status = record.slice(0, record.indexOf('|'));
        return status === 'committed' || status === 'rolled_back' ? status : 'undecided';
      }
      const forgottenAtMs = address.deadlineAtMs + lifetime.marginMs;
      return nodeTime(key) < forgottenAtMs ? 'undecided' : 'expired';
    });
  }

  record(address: TransactionAddress, until: number): Promise<TransactionRecord | undefined> {
    const { writes, persist } = this.#context;
    return persist(until, () =>
      writes
        .execute('GET', [recordKeyOf(address)])
        .then((text) => (typeof text === 'string' ? parseRecord(text) : undefined)),
    );
  }

  retire(address: TransactionAddress, until: number): Promise<void> {
    const { writes, persist, times, nodeTime } = this.#context;
    const key = recordKeyOf(address);
    return persist(until, () => {
      const leftMs = Math.ceil(Math.max(address.deadlineAtMs - nodeTime(key), 0) + times.keepMs);
      return writes.execute('PEXPIRE', [key, String(leftMs)]) as Promise<void>;
    });
  }

  async identity(until: number): Promise<string> {
    this.#identity ??= await this.#context.persist(until, () => this.#readIdentity());
    return this.#identity;
  }

  /** Whoever writes first is read by all; what a failover would forget must not be told. */
  async #readIdentity(): Promise<string> {
    const { writes } = this.#context;
    const key = identityKey();
    try {
      const stood = await writes.execute('GET', [key]);
      if (stood === null) await writes.execute('SET', [key, drawIdentity(), 'NX']);
      const identity = stood ?? (await writes.execute('GET', [key]));
      if (isIdentity(identity)) return identity;
    } catch (error) {
      throw notWorthWaiting(writes, error);
    }
    throw new InvariantViolationError(
      `The key ${key} names this cache, and holds no 8 to 16 letters and digits. Delete it if another program ` +
        'wrote it.',
    );
  }

  /** That a transaction is committed is worth waiting for; a roll back is tried again by whoever needs it. */
  readonly #unlessCommitted = (error: unknown): never => {
    if (error instanceof NotReplicatedError && error.reply === 'committed') throw error;
    throw notWorthWaiting(this.#context.writes, error);
  };
}

/** @throws InvariantViolationError for an answer that no version of the script gives. */
function parseAnnounceReply(reply: unknown): AnnounceReply {
  const [status = '', nodeTimeMs] = String(reply).split(' ');
  switch (status) {
    case 'announced':
    case 'committed':
    case 'rolled_back':
      return { status };
    case 'deadline':
      return { status, nodeTimeMs: Number(nodeTimeMs) };
    default:
      throw new InvariantViolationError(
        `The announce script answered ${String(reply).slice(0, 200)}.`,
      );
  }
}
