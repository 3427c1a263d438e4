import type { Connection } from 'mongoose';
import { ModuleOptionsError, ParticipantUsageError } from '../errors/index.js';
import type { Branch } from '../participants/branch.js';
import type {
  BranchRecovery,
  Participant,
  ParticipantCapabilities,
  ParticipantEnvironment,
  ParticipantSavepoints,
} from '../participants/participant.js';
import { inTime } from '../sql/in-time.js';
import type { Savepoint } from '../transaction/operation-log.js';
import type { TransactionManager } from '../transaction/transaction-manager.js';
import type { Transaction } from '../transaction/transaction.js';
import { bindConnection } from './bound-connection.js';
import { deleteExpired, fenceDecision, insertDecision, type Decisions } from './decisions.js';
import { MongooseBranch, type MongooseBranchHost } from './mongoose-branch.js';

export interface MongooseParticipantOptions {
  /** Unique in the application, and the same in all its processes; records name it. */
  readonly name: string;
  /**
   * Of a replica set or a sharded cluster, MongoDB 5.0 or later. Its models follow transactions until the
   * application closes. It stays yours: close it after the application.
   */
  readonly connection: Connection;
  /** Of the decisions; made when the application starts. @default 'dtx_decision' */
  readonly collection?: string;
}

const DEFAULT_COLLECTION = 'dtx_decision';
const OPEN_TIMEOUT_MS = 10_000;

/**
 * A MongoDB database, over mongoose, that takes part in transactions.
 *
 * Its own commit decides, and it cannot be prepared: a transaction has one at most, beside others that can be
 * prepared. Its transactions read a snapshot: what is only read may be changed by others meanwhile.
 */
export class MongooseParticipant implements Participant {
  readonly name: string;
  readonly capabilities: ParticipantCapabilities = { decides: true, prepares: false };
  readonly savepoints: ParticipantSavepoints;
  readonly #connection: Connection;
  readonly #collection: string;
  readonly #host: MongooseBranchHost;
  readonly #ofTransaction = new WeakMap<Transaction, MongooseBranch>();
  readonly #ofBranch = new WeakMap<Branch, MongooseBranch>();
  #manager: TransactionManager | undefined;
  #environment: ParticipantEnvironment | undefined;
  #unbind: (() => void) | undefined;

  constructor({ name, connection, collection = DEFAULT_COLLECTION }: MongooseParticipantOptions) {
    this.name = name;
    this.#connection = connection;
    this.#collection = collection;
    this.#host = {
      name,
      now: () => this.#now(),
      startSession: () => connection.getClient().startSession(),
      enlist: (transaction, live) => void this.#ofBranch.set(transaction.enlist(this), live),
      savepointIn: (transaction) => {
        const scope = this.#manager?.scope();
        return scope?.transaction === transaction ? scope.savepoint : undefined;
      },
    };
    this.savepoints = {
      rollbackTo: async (branch, savepoint) =>
        this.#ofBranch.get(branch)?.rollbackTo(savepoint as Savepoint),
      release: () => Promise.resolve(),
    };
  }

  /** @internal Called when an application provides it. @throws ModuleOptionsError for a second one. */
  bindTo(manager: TransactionManager): void {
    if (this.#manager === manager) return;
    if (this.#manager !== undefined) {
      throw new ModuleOptionsError(
        `Participant ${this.name} belongs to another application already. Give each application one of its own.`,
      );
    }
    this.#manager = manager;
    this.#unbind = bindConnection(this.#connection, this.name, () => this.#current());
  }

  /** @throws ModuleOptionsError for a server without transactions. */
  async open(environment: ParticipantEnvironment): Promise<void> {
    this.#environment = environment;
    await inTime(this.#prepareDatabase(), OPEN_TIMEOUT_MS, `Participant ${this.name}`);
  }

  async close(): Promise<void> {
    this.#unbind?.();
    this.#unbind = undefined;
  }

  /** @internal */
  prepare(): Promise<void> {
    return Promise.reject(
      new ParticipantUsageError(`Participant ${this.name} decides, and cannot be prepared.`),
    );
  }

  /** @internal Only what was prepared is committed by it. */
  commit(): Promise<void> {
    return Promise.resolve();
  }

  /** @internal What another process has begun, the server ends by itself. */
  async rollback(branch: Branch, until: number): Promise<void> {
    await this.#ofBranch.get(branch)?.end(until);
  }

  /** @internal */
  async decide(branch: Branch, until: number): Promise<void> {
    const live = this.#ofBranch.get(branch);
    if (live === undefined) {
      throw new ParticipantUsageError(
        `Participant ${this.name} enlists itself with its first operation; do not enlist() it by hand.`,
      );
    }
    const { transaction } = branch;
    const before = new Date(transaction.address.deadlineAtMs + this.#settings.marginMs);
    const expiresAt = this.#expiresAt(branch);
    await live.commitWith(
      (session) => insertDecision(this.#decisions(), session, { transaction, before, expiresAt }),
      until,
    );
  }

  /** @internal */
  fence(branch: Branch, until: number): Promise<'committed' | 'rolled_back'> {
    const leftMs = until - this.#now();
    const { transaction } = branch;
    const expiresAt = this.#expiresAt(branch);
    const fenced = fenceDecision(this.#decisions(), { transaction, expiresAt, leftMs });
    return inTime(fenced, leftMs, `The decision of ${this.name}`);
  }

  /** @internal */
  async recover(recovery: BranchRecovery): Promise<void> {
    const deleted = deleteExpired(this.#decisions(), recovery);
    await inTime(deleted, recovery.until - this.#now(), `Participant ${this.name}`);
  }

  get #settings(): ParticipantEnvironment {
    if (this.#environment !== undefined) return this.#environment;
    throw new ParticipantUsageError(
      `Participant ${this.name} is used before the application has started.`,
    );
  }

  #now(): number {
    return this.#environment?.now() ?? performance.now();
  }

  #expiresAt(branch: Branch): Date {
    const { marginMs, retentionMs } = this.#settings;
    return new Date(branch.transaction.address.deadlineAtMs + marginMs + retentionMs);
  }

  /** Of the driver: it follows no transaction by itself. */
  #decisions(): Decisions {
    return this.#connection.db!.collection(this.#collection) as unknown as Decisions;
  }

  #current(): MongooseBranch | undefined {
    const transaction = this.#manager?.current();
    if (transaction === undefined) {
      this.#manager?.refuseForeign(`Participant ${this.name}`);
      return undefined;
    }
    let branch = this.#ofTransaction.get(transaction);
    if (branch === undefined) {
      branch = new MongooseBranch(this.#host, transaction);
      this.#ofTransaction.set(transaction, branch);
    }
    return branch;
  }

  async #prepareDatabase(): Promise<void> {
    await this.#connection.asPromise();
    const { setName, msg } = await this.#connection.db!.admin().command({ hello: 1 });
    if (setName === undefined && msg !== 'isdbgrid') {
      throw new ModuleOptionsError(
        `The MongoDB of participant ${this.name} is no replica set, and has no transactions. Start it with --replSet.`,
      );
    }
    // Makes the collection too, which a transaction had better not do.
    await this.#decisions().createIndex({ expiresAt: 1 });
  }
}
