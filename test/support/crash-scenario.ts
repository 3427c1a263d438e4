import { TransactionOutcomeUnknownError } from '../../lib/errors/index.js';
import { parseStoredItem } from '../../lib/store/stored-item.js';
import { parseLock } from '../../lib/store/lock.js';
import {
  printAddress,
  recordKeyOf,
  type TransactionAddress,
} from '../../lib/store/transaction-address.js';
import { commitCountOf, isAbsence } from '../../lib/store/version.js';
import type { TxRepository } from '../../lib/repository/tx-repository.js';
import type { Transaction } from '../../lib/transaction/transaction.js';
import type { ParticipantCapabilities } from '../../lib/participants/participant.js';
import type { CreateLayout } from './layouts.js';
import type { Fault, ProtocolMethod } from './faulty-store.js';
import { MemoryDatabase, MemoryParticipant } from './memory-database.js';
import {
  LAPSE_MS,
  MARGIN_MS,
  NodeGroup,
  RETENTION_MS,
  TIMEOUT_MS,
  type GroupMember,
} from './node-group.js';
import { Purse, purseKey } from './spread-entities.js';

export interface CrashScenario {
  readonly title: string;
  /** What the instances share. @default nodes, one for each hash slot */
  readonly layout?: CreateLayout;
  /** What stands before. */
  readonly before: readonly Purse[];
  /** Every item it touches. */
  readonly ids: readonly string[];
  /** Another instance reads before each of its steps. */
  readonly observed?: boolean;
  /** What else takes part, by name. */
  readonly databases?: Readonly<Record<string, ParticipantCapabilities>>;
  work(
    purses: TxRepository<Purse>,
    transaction: Transaction,
    databases: Readonly<Record<string, MemoryParticipant>>,
  ): Promise<void>;
}

/** Which calls go wrong, by their number. */
export type Faults = ReadonlyMap<number, Fault>;

interface Member extends GroupMember {
  readonly participants: Readonly<Record<string, MemoryParticipant>>;
}

type Told =
  | { readonly kind: 'committed' }
  | { readonly kind: 'refused'; readonly error: unknown }
  | { readonly kind: 'unknown'; readonly address: string };

/** One item, without what differs from run to run. */
type ItemText = string | undefined;

export interface ScenarioRun {
  readonly told: Told;
  /** How many calls there were while the caller waited, and until everything was finished. */
  readonly calls: number;
  readonly methods: ReadonlySet<ProtocolMethod>;
  readonly items: readonly ItemText[];
}

/** What a scenario leaves behind without any fault. */
export interface Expected {
  readonly before: readonly ItemText[];
  readonly after: readonly ItemText[];
}

/** Runs one scenario once, and collects every promise of the protocol that is broken. */
export class ScenarioTrial {
  readonly broken: string[] = [];
  readonly #scenario: CrashScenario;
  readonly #faults: Faults;
  readonly #expected: Expected | undefined;
  readonly #group: NodeGroup;
  readonly #databases = new Map<string, MemoryDatabase>();
  #observer: GroupMember | undefined;
  #hasSeenNew = false;

  constructor(scenario: CrashScenario, faults: Faults = new Map(), expected?: Expected) {
    this.#scenario = scenario;
    this.#group = new NodeGroup(scenario.layout);
    this.#faults = faults;
    this.#expected = expected;
  }

  async run(): Promise<ScenarioRun> {
    for (const name of Object.keys(this.#scenario.databases ?? {})) {
      this.#databases.set(name, new MemoryDatabase());
    }
    const seeder = await this.#join();
    const purses = seeder.runtime.repository(Purse);
    for (const purse of this.#scenario.before) await purses.save(purse);
    const worker = await this.#join();
    if (this.#scenario.observed) await this.#observe(worker);
    worker.store.faultOf = ({ number }) => this.#faults.get(number);

    const told = await this.#call(worker);
    await this.#group.clock.advance(TIMEOUT_MS / 2);
    const calls = worker.store.calls;
    // A step that fails twice is done with its second repetition.
    await this.#group.clock.advance(TIMEOUT_MS / 2);
    if (!worker.store.isDead && !this.#hasLate) await this.#expectFinished('by itself', worker);
    await this.#endOf(worker);
    const recoverer = await this.#recover(worker);
    await this.#expectAgreement(told, recoverer);
    await this.#expectExpiry(worker, recoverer);
    const methods = new Set(this.#group.members.flatMap(({ store }) => store.methods));
    await this.#group.close();
    return { told, calls, methods, items: this.#items() };
  }

  get #until(): number {
    return this.#group.clock.now() + TIMEOUT_MS;
  }

  get #hasLate(): boolean {
    return [...this.#faults.values()].some(({ kind }) => kind === 'late' || kind === 'repeated');
  }

  async #join(): Promise<Member> {
    const { clock } = this.#group;
    let participants: Record<string, MemoryParticipant> = {};
    const member = await this.#group.join(undefined, (process) => {
      const entries = Object.entries(this.#scenario.databases ?? {});
      const made = entries.map(([name, capabilities]) => {
        const database = this.#databases.get(name)!;
        const setup = { name, capabilities, database, clock, process };
        const lifetime = { marginMs: MARGIN_MS, retentionMs: RETENTION_MS };
        return [name, new MemoryParticipant({ ...setup, ...lifetime })] as const;
      });
      participants = Object.fromEntries(made);
      return Object.values(participants);
    });
    return { ...member, participants };
  }

  async #call({ runtime, participants }: Member): Promise<Told> {
    const { manager } = runtime;
    const purses = runtime.repository(Purse);
    const scenario = this.#scenario;
    const work = manager.run(() => scenario.work(purses, manager.current()!, participants), {
      retry: { attempts: 3, backoffMs: 0 },
    });
    try {
      await this.#group.drive(work);
      return { kind: 'committed' };
    } catch (error) {
      if (!(error instanceof TransactionOutcomeUnknownError)) return { kind: 'refused', error };
      return { kind: 'unknown', address: error.address };
    }
  }

  async #endOf({ runtime, store }: GroupMember): Promise<void> {
    if (!store.isDead) await this.#group.drive(runtime.close());
    await this.#group.clock.advance(TIMEOUT_MS + MARGIN_MS + LAPSE_MS);
  }

  /** The second round is for what arrives after the first. */
  async #recover(worker: GroupMember): Promise<GroupMember> {
    const recoverer = await this.#join();
    await this.#recoverOnce(recoverer);
    if (!this.#hasLate) await this.#expectFinished('after recovery', worker, { unnoted: true });
    await worker.store.deliverLate();
    await this.#group.clock.advance(LAPSE_MS);
    await this.#recoverOnce(recoverer);
    // Nobody knows of the lock of a late step before he meets it.
    await this.#readAll(recoverer);
    await this.#expectFinished('after everything has arrived', worker, { forgotten: true });
    return recoverer;
  }

  async #recoverOnce({ runtime }: GroupMember): Promise<void> {
    const report = await this.#group.drive(runtime.recovery.recover());
    if (report.failed > 0 || report.undecided > 0) {
      this.broken.push(`recovery left something: ${JSON.stringify(report)}`);
    }
  }

  async #readAll({ runtime }: GroupMember): Promise<void> {
    const purses = runtime.repository(Purse);
    await this.#group.drive(
      runtime.manager.run(() => purses.findMany(this.#scenario.ids), { readOnly: true }),
    );
  }

  /**
   * @param unnoted Whether locks may be left of what is not committed and never was in the journal.
   * @param forgotten Whether the journal may hold what arrived when its instance was forgotten.
   */
  async #expectFinished(
    when: string,
    { store }: GroupMember,
    { unnoted = false, forgotten = false } = {},
  ): Promise<void> {
    for (const { address, id } of this.#locks()) {
      if (unnoted && !store.isNoted(address, purseKey(id)) && !this.#isCommitted(address)) continue;
      this.broken.push(`${when} ${id} is locked by ${printAddress(address)}`);
    }
    this.#expectNothingPrepared(when);
    const { journal } = this.#group.store;
    for (const instance of forgotten ? await journal.lapsed(this.#until) : store.instances) {
      const { entries } = await journal.entries(instance, { most: 100 }, this.#until);
      if (entries.length > 0) this.broken.push(`${when} the journal has ${entries.length} entries`);
    }
  }

  #expectNothingPrepared(when: string): void {
    for (const [name, { prepared, unasked }] of this.#databases) {
      for (const branch of unasked) this.broken.push(`${branch} of ${name} was never prepared`);
      if (prepared.size > 0) this.broken.push(`${when} ${name} has ${prepared.size} prepared`);
    }
  }

  #locks(): readonly { id: string; address: TransactionAddress }[] {
    return this.#scenario.ids.flatMap((id) => {
      const raw = this.#group.layout.peekRaw(purseKey(id)) ?? '';
      const lock = parseLock(/^[^|]*\*([^|]*)\|/.exec(raw)?.[1] ?? '');
      return lock === undefined ? [] : [{ id, address: lock.address }];
    });
  }

  #isCommitted(address: TransactionAddress): boolean {
    return this.#group.layout.peekRaw(recordKeyOf(address))?.startsWith('committed') ?? false;
  }

  async #expectAgreement(told: Told, { runtime }: GroupMember): Promise<void> {
    const items = JSON.stringify(this.#items());
    if (this.#expected === undefined) return;
    const isNew = items === JSON.stringify(this.#expected.after);
    const isOld = items === JSON.stringify(this.#expected.before);
    if (!isNew && !isOld) this.broken.push(`items are neither old nor new: ${items}`);
    if (told.kind === 'committed' && !isNew) this.broken.push('told committed, and is not');
    if (told.kind === 'refused' && isNew) {
      this.broken.push(`told ${String(told.error)}, and is committed`);
    }
    if (told.kind === 'unknown') {
      const outcome = await this.#group.drive(runtime.manager.outcomeOf(told.address));
      if (isNew !== (outcome === 'committed')) this.broken.push(`outcomeOf says ${outcome}`);
    }
    if (this.#hasSeenNew && !isNew) this.broken.push('what a reader saw is gone');
  }

  async #expectExpiry({ store }: GroupMember, recoverer: GroupMember): Promise<void> {
    // What is announced first is kept as if it had the longest time-out.
    const timeoutMs = this.#scenario.layout === undefined ? TIMEOUT_MS : 10 * TIMEOUT_MS;
    await this.#group.clock.advance(timeoutMs + MARGIN_MS + RETENTION_MS);
    await this.#recoverOnce(recoverer);
    for (const [name, { decisions }] of this.#databases) {
      for (const [address] of decisions)
        this.broken.push(`${name} keeps its decision on ${address}`);
    }
    for (const address of store.decided) {
      const record = this.#group.layout.peekRaw(recordKeyOf(address));
      if (record !== undefined) this.broken.push(`a record stays for ever: ${record}`);
    }
  }

  /** Another instance reads everything, in one transaction and one by one, before each step. */
  async #observe(worker: GroupMember): Promise<void> {
    this.#observer = await this.#group.join();
    worker.store.before = () => this.#look();
  }

  async #look(): Promise<void> {
    const { runtime } = this.#observer!;
    const purses = runtime.repository(Purse);
    const { ids } = this.#scenario;
    const options = { readOnly: true, retry: { attempts: 1 } };
    const wasNew = this.#hasSeenNew;
    const seen = await runtime.manager
      .run(() => Promise.all(ids.map((id) => purses.findOne(id))), options)
      .catch(() => undefined);
    if (seen !== undefined) this.#judgeSight(seen, wasNew);
  }

  #judgeSight(seen: readonly (Purse | null)[], wasNew: boolean): void {
    if (this.#expected === undefined) return;
    const texts = seen.map((purse) => (purse === null ? null : contentOf(purse)));
    const isNew = sameContents(texts, this.#expected.after);
    const isOld = sameContents(texts, this.#expected.before);
    if (!isNew && !isOld) this.broken.push(`a reader saw ${texts.join(' ')}`);
    if (wasNew && !isNew) this.broken.push('a reader saw the old after the new');
    if (isNew) this.#hasSeenNew = true;
  }

  #items(): readonly ItemText[] {
    const rows = [...this.#databases].map(([name, database]) => {
      const texts = [...database.rows].map((row) => row.join('='));
      return `${name}: ${texts.toSorted().join(' ')}`;
    });
    const items = this.#scenario.ids.map((id) => {
      const raw = this.#group.layout.peekRaw(purseKey(id));
      const item = raw === undefined ? undefined : parseStoredItem(raw);
      if (item?.kind !== 'item') return raw;
      if (isAbsence(item.version)) return undefined;
      return `${commitCountOf(item.version)}|${item.counters}|${JSON.parse(item.payload).balance}`;
    });
    return [...items, ...rows];
  }
}

function contentOf({ points, balance }: Purse): string {
  return `${points}|${balance}`;
}

function sameContents(seen: readonly (string | null)[], items: readonly ItemText[]): boolean {
  return seen.every((text, nth) => text === (items[nth]?.replace(/^\d+\|/, '') ?? null));
}
