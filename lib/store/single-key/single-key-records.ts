import type { Clock } from '../clock.js';
import {
  judgeAnnounce,
  judgeConclude,
  judgeFence,
  judgeUndecided,
  statusOf,
  type JudgedAt,
  type RecordVerdict,
} from '../judge/judge-record.js';
import { isKept, parseRecord, printMembers } from '../stored-record.js';
import { recordKeyOf, type TransactionAddress } from '../transaction-address.js';
import type {
  AnnounceReply,
  FencedOutcome,
  OnePhaseCommit,
  OnePhaseReply,
  PendingTransaction,
  RecordedOutcome,
  RecordLifetime,
  TransactionRecord,
} from '../versioned-store.js';
import { StoreUnavailableError } from '../../errors/index.js';
import { parseExpiring, type ExpiringText } from './expiring-text.js';
import type { SingleKeySteps, StepOptions, StepVerdict } from './single-key-steps.js';

/**
 * The records of a store without a clock and without a step over two keys: deciding and fencing compare and
 * set exactly the pending record, so safety never rests on clocks. A pending record counts as long as it
 * stands, expired or not: two clocks must not disagree about it.
 */
export class SingleKeyRecords {
  readonly #steps: SingleKeySteps;
  readonly #clock: Clock;
  readonly #lifetime: RecordLifetime;

  constructor(steps: SingleKeySteps, clock: Clock, lifetime: RecordLifetime) {
    this.#steps = steps;
    this.#clock = clock;
    this.#lifetime = lifetime;
  }

  decide(commit: OnePhaseCommit, until: number): Promise<OnePhaseReply> {
    const { address } = commit;
    const beforeSending = (): void => {
      if (commit.withdrawn) throw new StoreUnavailableError('The time of the call is over.');
      commit.sent = true;
    };
    const options = { beforeSending, expectsNothing: !commit.announced };
    return this.#step<OnePhaseReply>(
      address,
      until,
      (record, at) => {
        const committed = { status: 'committed', commitCounts: new Map<number, number>() } as const;
        const status = statusOf(record);
        if (status === 'committed') return { reply: committed };
        if (status === 'rolled_back') return { reply: { status } };
        const refusal = judgeUndecided(record, commit, at);
        if (refusal !== undefined) return { reply: refusal };
        const text = `committed|{"decidedAt":${at.nowMs},${printMembers(commit)}}`;
        return { reply: committed, text, kept: isKept(commit) };
      },
      options,
    );
  }

  announce(pending: PendingTransaction, until: number): Promise<AnnounceReply> {
    const { decider, branches, redo } = pending;
    const goesByItself = decider === undefined && branches.length === 0;
    return this.#step<AnnounceReply>(
      pending.address,
      until,
      (record, at) => {
        const verdict = judgeAnnounce(record, pending, at);
        return { ...verdict, kept: !goesByItself };
      },
      { expectsNothing: redo === undefined },
    );
  }

  conclude(
    address: TransactionAddress,
    outcome: 'committed' | 'rolled_back',
    until: number,
  ): Promise<FencedOutcome> {
    return this.#step(address, until, (record) => judgeConclude(record, address, outcome));
  }

  fence(address: TransactionAddress, until: number): Promise<FencedOutcome | 'pending'> {
    return this.#step(address, until, (record, at) => judgeFence(record, address, at));
  }

  async record(address: TransactionAddress, until: number): Promise<TransactionRecord | undefined> {
    const text = await this.#read(address, until);
    return text === undefined ? undefined : parseRecord(text);
  }

  async outcome(address: TransactionAddress, until: number): Promise<RecordedOutcome> {
    const text = await this.#read(address, until);
    if (text !== undefined) return statusOf(text) ?? 'undecided';
    const forgottenAtMs = address.deadlineAtMs + this.#lifetime.marginMs;
    return this.#clock.time() < forgottenAtMs ? 'undecided' : 'expired';
  }

  retire(address: TransactionAddress, until: number): Promise<void> {
    return this.#steps.step<void>(recordKeyOf(address), until, (raw) => {
      const stood = parseExpiring(raw);
      if (stood === undefined || Number.isFinite(stood.expiresAtMs)) return { reply: undefined };
      const expiresAtMs = this.#clock.time() + this.#keptMs(address);
      return { reply: undefined, write: { text: stood.text, expiresAtMs } };
    });
  }

  async #read(address: TransactionAddress, until: number): Promise<string | undefined> {
    const [seen] = await this.#steps.read([recordKeyOf(address)], until);
    return this.#standing(seen?.text);
  }

  #step<R>(
    address: TransactionAddress,
    until: number,
    judge: (record: string | undefined, at: JudgedAt) => RecordVerdict<R>,
    options?: StepOptions,
  ): Promise<R> {
    return this.#steps.step<R>(
      recordKeyOf(address),
      until,
      (raw): StepVerdict<R> => {
        const at = { nowMs: Math.floor(this.#clock.time()), lifetime: this.#lifetime };
        const { reply, text, kept } = judge(this.#standing(raw), at);
        // What was sent may still decide it, whatever the clock says by now.
        if (text === undefined) return { reply, isPassing: isDeadline(reply) };
        return { reply, write: this.#written(address, text, kept) };
      },
      options,
    );
  }

  #written(address: TransactionAddress, text: string, kept: boolean | undefined): ExpiringText {
    if (kept) return { text, expiresAtMs: Number.POSITIVE_INFINITY };
    const { longestTimeoutMs, marginMs, retentionMs } = this.#lifetime;
    const keptMs = text.startsWith('pending')
      ? longestTimeoutMs + marginMs + retentionMs
      : this.#keptMs(address);
    return { text, expiresAtMs: this.#clock.time() + keptMs };
  }

  #standing(raw: string | undefined): string | undefined {
    const stood = parseExpiring(raw);
    if (stood === undefined) return undefined;
    const stands = stood.text.startsWith('pending') || stood.expiresAtMs > this.#clock.time();
    return stands ? stood.text : undefined;
  }

  #keptMs({ deadlineAtMs }: TransactionAddress): number {
    const { marginMs, retentionMs } = this.#lifetime;
    return Math.max(deadlineAtMs - this.#clock.time(), 0) + marginMs + retentionMs;
  }
}

function isDeadline(reply: unknown): boolean {
  return (reply as { readonly status?: unknown } | undefined)?.status === 'deadline';
}
