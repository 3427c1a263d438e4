import { ParticipantConflictError, ParticipantRefusedError } from '../../lib/errors/index.js';
import type { Branch } from '../../lib/participants/branch.js';
import type {
  BranchRecovery,
  Participant,
  ParticipantCapabilities,
} from '../../lib/participants/participant.js';
import type { Clock } from '../../lib/store/clock.js';
import { parseAddress, printAddress } from '../../lib/store/transaction-address.js';
import type { TransactionManager } from '../../lib/transaction/transaction-manager.js';
import type { FaultyStore, ProtocolMethod } from './faulty-store.js';

type Writes = ReadonlyMap<string, number>;

interface DecisionRow {
  readonly outcome: 'committed' | 'rolled_back';
  readonly expiresAtMs: number;
}

/** What a database keeps, whatever becomes of the processes that use it. */
export class MemoryDatabase {
  readonly rows = new Map<string, number>();
  /** By the names of branches. */
  readonly prepared = new Map<string, Writes>();
  /** By the addresses of transactions. */
  readonly decisions = new Map<string, DecisionRow>();
  /** The names of branches that were committed without a vote. */
  readonly unasked = new Set<string>();
  /** The names of all branches that were ever prepared. */
  readonly voted = new Set<string>();

  write(writes: Writes): void {
    for (const [id, value] of writes) this.rows.set(id, value);
  }
}

export interface MemoryParticipantSetup {
  readonly name: string;
  readonly capabilities: ParticipantCapabilities;
  readonly database: MemoryDatabase;
  readonly clock: Clock;
  readonly marginMs: number;
  readonly retentionMs: number;
  /** The process that uses it, and what goes wrong on its way to the database. */
  readonly process: FaultyStore;
}

/** The client of one process for a database; what is open in it dies with the process. */
export class MemoryParticipant implements Participant {
  readonly name: string;
  readonly capabilities: ParticipantCapabilities;
  readonly #setup: MemoryParticipantSetup;
  readonly #open = new WeakMap<Branch, Map<string, number>>();
  readonly #branches = new WeakMap<object, Branch>();
  #manager!: TransactionManager;

  constructor(setup: MemoryParticipantSetup) {
    this.name = setup.name;
    this.capabilities = setup.capabilities;
    this.#setup = setup;
  }

  bindTo(manager: TransactionManager): void {
    this.#manager = manager;
  }

  /** Adds to a row, in the current transaction. */
  add(id: string, by: number): void {
    const transaction = this.#manager.current()!;
    let branch = this.#branches.get(transaction);
    if (branch === undefined) {
      branch = transaction.enlist(this);
      this.#branches.set(transaction, branch);
      this.#open.set(branch, new Map());
    }
    const writes = this.#open.get(branch)!;
    writes.set(id, (writes.get(id) ?? this.#setup.database.rows.get(id) ?? 0) + by);
  }

  prepare(branch: Branch): Promise<void> {
    const { database } = this.#setup;
    const writes = this.#open.get(branch);
    return this.#step('participant.prepare', () => {
      if (writes === undefined) throw new ParticipantRefusedError('The branch is over.');
      database.prepared.set(nameOf(branch), writes);
      database.voted.add(nameOf(branch));
    });
  }

  commit(branch: Branch): Promise<void> {
    const { database } = this.#setup;
    return this.#step('participant.commit', () => {
      const name = nameOf(branch);
      const hasDecided = database.decisions.has(printAddress(branch.transaction.address));
      if (!hasDecided && !database.voted.has(name)) database.unasked.add(name);
      const writes = database.prepared.get(name);
      if (writes !== undefined) database.write(writes);
      database.prepared.delete(name);
    });
  }

  rollback(branch: Branch): Promise<void> {
    this.#open.delete(branch);
    if (!this.capabilities.prepares || !branch.isNamed) return Promise.resolve();
    const { database } = this.#setup;
    return this.#step('participant.rollback', () => void database.prepared.delete(nameOf(branch)));
  }

  decide(branch: Branch): Promise<void> {
    const { database, clock, marginMs } = this.#setup;
    // What was sent with the connection's last breath may still arrive.
    const writes = this.#open.get(branch);
    return this.#step('participant.decide', () => {
      const { address } = branch.transaction;
      const name = printAddress(address);
      const decided = database.decisions.get(name)?.outcome;
      if (decided === 'rolled_back') throw new ParticipantRefusedError('It is rolled back.');
      if (decided === 'committed') return;
      if (clock.time() >= address.deadlineAtMs + marginMs) {
        throw new ParticipantRefusedError('It is too late.');
      }
      if (writes === undefined) throw new ParticipantConflictError('The branch is over.');
      database.write(writes);
      this.#decide(name, 'committed', address.deadlineAtMs);
    });
  }

  fence(branch: Branch): Promise<'committed' | 'rolled_back'> {
    const { database } = this.#setup;
    return this.#step('participant.fence', () => {
      const { address } = branch.transaction;
      const name = printAddress(address);
      if (!database.decisions.has(name)) this.#decide(name, 'rolled_back', address.deadlineAtMs);
      return database.decisions.get(name)!.outcome;
    });
  }

  async recover({ outcomeOf, isPending }: BranchRecovery): Promise<void> {
    const { database, clock } = this.#setup;
    const names = await this.#step('participant.list', () => [...database.prepared.keys()]);
    for (const name of names) {
      const outcome = await outcomeOf(parseAddress(name.split('#')[0]!));
      if (outcome === 'undecided') continue;
      await this.#step(
        outcome === 'committed' ? 'participant.commit' : 'participant.rollback',
        () => {
          const writes = database.prepared.get(name);
          if (outcome === 'committed' && writes !== undefined) database.write(writes);
          database.prepared.delete(name);
        },
      );
    }
    for (const [name, { expiresAtMs }] of database.decisions) {
      if (clock.time() < expiresAtMs || (await isPending(parseAddress(name)))) continue;
      await this.#step('participant.forget', () => void database.decisions.delete(name));
    }
  }

  #decide(name: string, outcome: DecisionRow['outcome'], deadlineAtMs: number): void {
    const { database, marginMs, retentionMs } = this.#setup;
    database.decisions.set(name, { outcome, expiresAtMs: deadlineAtMs + marginMs + retentionMs });
  }

  #step<T>(method: ProtocolMethod, step: () => T): Promise<T> {
    return this.#setup.process.step(method, async () => step());
  }
}

function nameOf({ transaction, number }: Branch): string {
  return `${printAddress(transaction.address)}#${number}`;
}
