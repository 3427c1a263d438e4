import {
  DistributedTxError,
  ParticipantConflictError,
  ParticipantRefusedError,
  ParticipantUnavailableError,
} from '../errors/index.js';
import type { Branch } from '../participants/branch.js';
import type { Participant } from '../participants/participant.js';
import type { TxRepository } from '../repository/tx-repository.js';
import type { Clock } from '../store/clock.js';
import { printAddress } from '../store/transaction-address.js';
import type { TransactionManager } from '../transaction/transaction-manager.js';
import type {
  BranchInfo,
  TccDefinition,
  TryConfirmCancel,
} from './transaction-participant.decorator.js';

/** A branch whose `prepare` has happened, or may have; it goes with the branch. */
export interface OpenBranch {
  readonly id: string;
  readonly state: 'preparing' | 'prepared';
}

/** A branch that was rolled back; kept as long as a `prepare` could still come. */
export interface EndedBranch {
  readonly id: string;
}

export interface TccParticipantSetup {
  readonly definition: TccDefinition;
  readonly methods: TryConfirmCancel<unknown>;
  readonly manager: TransactionManager;
  readonly clock: Clock;
  readonly maxTimeoutMs: number;
  readonly open: TxRepository<OpenBranch>;
  readonly ended: TxRepository<EndedBranch>;
}

type Step = 'prepare' | 'commit' | 'rollback';

/**
 * Has a provider of the user take part. What has happened to a branch is written in the transaction that does
 * it:
 *
 * P1 A `prepare` that comes after its branch was rolled back is refused (late prepare).
 * P2 What was not prepared is not rolled back (empty roll back), and is remembered.
 * P3 What has happened does not happen again (duplicates).
 */
export class TccParticipant implements Participant {
  readonly name: string;
  readonly capabilities = { decides: false, prepares: true };
  readonly #setup: TccParticipantSetup;

  constructor(setup: TccParticipantSetup) {
    this.name = setup.definition.name;
    this.#setup = setup;
  }

  async prepare(branch: Branch, until: number): Promise<void> {
    const { definition, open } = this.#setup;
    const info = infoOf(branch);
    try {
      if (definition.external) {
        await this.#run('prepare', until, async () => {
          await this.#refuseEnded(info);
          await open.save({ id: info.id, state: 'preparing' });
        });
      }
      await this.#run('prepare', until, async () => {
        await this.#refuseEnded(info);
        if ((await open.findOne(info.id))?.state === 'prepared') return;
        await this.#setup.methods.prepare(branch.payload, info);
        await open.save({ id: info.id, state: 'prepared' });
      });
    } catch (cause) {
      if (!(cause instanceof DistributedTxError) || cause.category !== 'conflict') throw cause;
      const what = `Participant ${this.name} could not prepare: ${cause.message}`;
      throw new ParticipantConflictError(what, { cause });
    }
  }

  commit(branch: Branch, until: number): Promise<void> {
    const { open, methods } = this.#setup;
    const info = infoOf(branch);
    return this.#run('commit', until, async () => {
      if ((await open.findOne(info.id)) === null) return;
      await methods.commit(branch.payload, info);
      await open.delete(info.id);
    });
  }

  rollback(branch: Branch, until: number): Promise<void> {
    if (!branch.isNamed) return Promise.resolve();
    const { open, ended, methods } = this.#setup;
    const info = infoOf(branch);
    return this.#run('rollback', until, async () => {
      if ((await ended.findOne(info.id)) !== null) return;
      if ((await open.findOne(info.id)) !== null) {
        await methods.rollback(branch.payload, info);
        await open.delete(info.id);
      }
      await ended.save({ id: info.id });
    });
  }

  async #refuseEnded({ id }: BranchInfo): Promise<void> {
    if ((await this.#setup.ended.findOne(id)) === null) return;
    throw new ParticipantRefusedError(
      `Participant ${this.name} was to prepare branch ${id}, which is rolled back.`,
    );
  }

  #run(step: Step, until: number, work: () => Promise<void>): Promise<void> {
    const { manager, clock, maxTimeoutMs } = this.#setup;
    const leftMs = Math.floor(until - clock.now());
    if (leftMs < 1) {
      return Promise.reject(
        new ParticipantUnavailableError(`Participant ${this.name} was asked to ${step} too late.`),
      );
    }
    const timeoutMs = Math.min(leftMs, maxTimeoutMs);
    return manager.finish(work, {
      readOnly: false,
      isolation: 'serializable',
      timeoutMs,
      name: `${this.name}.${step}`,
    });
  }
}

function infoOf(branch: Branch): BranchInfo {
  return { id: `${printAddress(branch.transaction.address)}#${branch.number}` };
}
