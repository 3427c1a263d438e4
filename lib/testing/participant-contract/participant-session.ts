import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { DistributedTxRuntime } from '../../module/distributed-tx.runtime.js';
import { Branch } from '../../participants/branch.js';
import type { BranchRecovery, Participant } from '../../participants/participant.js';
import { printAddress } from '../../store/transaction-address.js';
import type { TransactionManager } from '../../transaction/transaction-manager.js';
import type { Transaction } from '../../transaction/transaction.js';
import type { ParticipantFixture } from './describe-participant.js';

const TIMEOUT_MS = 20_000;

/** A branch that has work in it, and has come no further. */
export interface OpenWork {
  readonly transaction: Transaction;
  readonly branch: Branch;
  /** The same branch as another process finds it in a record. */
  readonly recorded: Branch;
}

/** What the cases of the contract work with: real transactions over an embedded store. */
export class ParticipantSession {
  readonly participant: Participant;
  readonly other: Participant;
  readonly #fixture: ParticipantFixture;
  readonly #begun: Transaction[] = [];
  readonly #runtimes: readonly [DistributedTxRuntime, DistributedTxRuntime];

  constructor(fixture: ParticipantFixture) {
    this.#fixture = fixture;
    this.participant = fixture.participant;
    this.other = fixture.other;
    const options = { store: 'embedded', recovery: { enabled: false } } as const;
    this.#runtimes = [new DistributedTxRuntime(options), new DistributedTxRuntime(options)];
  }

  async open(capabilities: Participant['capabilities']): Promise<void> {
    await this.#runtimes[0].open([this.participant]);
    await this.#runtimes[1].open([this.other]);
    assert.deepEqual({ ...this.participant.capabilities }, { ...capabilities });
  }

  get manager(): TransactionManager {
    return this.#runtimes[0].manager;
  }

  get until(): number {
    return this.#runtimes[0].clock.now() + TIMEOUT_MS;
  }

  work(): Promise<void> {
    return this.#fixture.work(this.manager.current()!);
  }

  async assertCount(expected: number): Promise<void> {
    assert.equal(await this.#fixture.count(), expected);
  }

  /** What is prepared is committed after the caller was answered. */
  async untilCount(expected: number): Promise<void> {
    const deadline = performance.now() + TIMEOUT_MS / 4;
    while ((await this.#fixture.count()) !== expected && performance.now() < deadline) {
      await delay(5);
    }
    await this.assertCount(expected);
  }

  /** Does the work in a transaction that the test itself drives through its phases. */
  async begin(): Promise<OpenWork> {
    const transaction = this.manager.begin({ timeoutMs: TIMEOUT_MS });
    this.#begun.push(transaction);
    const enlisted: Branch[] = [];
    const enlist = transaction.enlist.bind(transaction);
    transaction.enlist = (...args) => {
      const branch = enlist(...args);
      enlisted.push(branch);
      return branch;
    };
    await transaction.run(() => this.work());
    const [branch, ...more] = enlisted;
    assert(branch !== undefined && more.length === 0, 'The work enlists the participant once.');
    if (!branch.isNamed) await transaction.nameBranch(branch);
    const { participant, number, payload } = branch;
    const recorded = new Branch(participant, number, payload, branch.transaction);
    return { transaction, branch, recorded };
  }

  /** What `recover` is given where this is the outcome of one transaction, and no other is decided. */
  recovery(
    branch: Branch,
    outcome: 'committed' | 'rolled_back' | 'undecided',
    cache = branch.transaction.cache,
  ): BranchRecovery {
    const name = printAddress(branch.transaction.address);
    return {
      cache,
      until: this.until,
      outcomeOf: (address) =>
        Promise.resolve(printAddress(address) === name ? outcome : 'undecided'),
      isPending: () => Promise.resolve(true),
    };
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#begun.map((transaction) => transaction.rollback()));
    await Promise.allSettled(this.#runtimes.map((runtime) => runtime.close()));
    await this.#fixture.close();
  }
}
