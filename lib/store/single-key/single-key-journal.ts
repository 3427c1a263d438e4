import { StoreUnavailableError } from '../../errors/index.js';
import type { Clock } from '../clock.js';
import { tagOfSlot } from '../hash-slot.js';
import type { Claim, Holdings, HoldingsPage, Journal, PageRequest } from '../journal.js';
import {
  parseAddress,
  printAddress,
  RESERVED_PREFIX,
  type TransactionAddress,
} from '../transaction-address.js';
import { CommitReplyLostError } from '../versioned-store.js';
import { parseExpiring, type ExpiringText } from './expiring-text.js';
import type { SingleKeySteps, StepOptions, StepVerdict } from './single-key-steps.js';
import { SlotAllotment } from './slot-allotment.js';

const START = `${RESERVED_PREFIX}{${tagOfSlot(0)}}`;
const INSTANCES = `${START}:instances`;
/** So many slots more are made known at a time. */
const SLOTS_AT_ONCE = 64;
/** A slot that nobody has taken again for so long is emptied. */
const TIDY_AFTER_MS = 100;
const TIDY_TIMEOUT_MS = 5000;

/** What is known of an instance: `<lapsesAtMs> <number of slots>`. */
interface Life {
  readonly lapsesAtMs: number;
  readonly slots: number;
}

/**
 * A journal of single keys: one lists the instances, one per instance tells until when it lives and how many slots it
 * has, and each slot holds the note of one transaction, so that a note is one step over a key that nobody
 * else writes. Who leaves a slot does not empty it as long as others take it.
 */
export class SingleKeyJournal implements Journal {
  readonly #steps: SingleKeySteps;
  readonly #clock: Clock;
  readonly #allotments = new Map<string, SlotAllotment>();

  constructor(steps: SingleKeySteps, clock: Clock) {
    this.#steps = steps;
    this.#clock = clock;
  }

  async enter(instance: string, { address, keys }: Holdings, until: number): Promise<void> {
    const slots = this.#slotsOf(instance);
    const slot = slots.take(printAddress(address));
    if (slots.needsMore) {
      await slots.grow(SLOTS_AT_ONCE, (count) => this.#announceSlots(instance, count, until));
    }
    const note = `${printAddress(address)} ${JSON.stringify(keys)}`;
    const key = slotKey(instance, slot);
    await this.#step(
      key,
      until,
      (standing) =>
        standing === note ? { reply: undefined } : { reply: undefined, write: stays(note) },
      { expectsNothing: slots.isNew(slot) },
    );
  }

  async leave(
    instance: string,
    addresses: readonly TransactionAddress[],
    until: number,
  ): Promise<void> {
    const slots = this.#allotments.get(instance);
    const left = new Set<string>();
    for (const address of addresses) {
      if (slots?.release(printAddress(address)) !== true) left.add(printAddress(address));
    }
    if (slots !== undefined) this.#tidyLater(instance, slots);
    if (left.size > 0) await this.#strikeOut(instance, left, until);
  }

  async beat(instance: string, lapseMs: number, until: number): Promise<void> {
    const slots = this.#slotsOf(instance);
    await this.#step(lifeKey(instance), until, (standing) => {
      const known = parseLife(standing);
      const lapsesAtMs = Math.floor(this.#clock.time()) + lapseMs;
      const life = { lapsesAtMs, slots: Math.max(known?.slots ?? 0, slots.count) };
      return { reply: undefined, write: stays(printLife(life)) };
    });
    await this.#changeInstances(until, (all) =>
      all.includes(instance) ? all : [...all, instance],
    );
  }

  async lapsed(until: number): Promise<readonly string[]> {
    const [entry] = await this.#look([INSTANCES], until);
    const all = parseInstances(entry);
    if (all.length === 0) return all;
    const lives = await this.#look(all.map(lifeKey), until);
    return all.filter((_, nth) => this.#hasLapsed(parseLife(lives[nth])));
  }

  claim(instance: string, { by, leaseMs }: Claim, until: number): Promise<boolean> {
    return this.#step(claimKey(instance), until, (standing): StepVerdict<boolean> => {
      if (standing !== undefined && standing !== by) return { reply: false };
      return { reply: true, write: { text: by, expiresAtMs: this.#clock.time() + leaseMs } };
    });
  }

  async entries(
    instance: string,
    { most, from = '0' }: PageRequest,
    until: number,
  ): Promise<HoldingsPage> {
    const [life] = await this.#look([lifeKey(instance)], until);
    const count = Math.max(parseLife(life)?.slots ?? 0, this.#allotments.get(instance)?.count ?? 0);
    const entries: Holdings[] = [];
    let unreadable = 0;
    let at = Number(from);
    // Most slots of an instance are empty.
    while (at < count && entries.length + unreadable < most) {
      const end = Math.min(at + most, count);
      const notes = await this.#notesIn(instance, at, end, until);
      const readable = notes.filter((note) => note !== undefined);
      entries.push(...readable);
      unreadable += notes.length - readable.length;
      at = end;
    }
    return { entries, unreadable, next: at < count ? String(at) : undefined };
  }

  async forget(instance: string, until: number): Promise<void> {
    let from: string | undefined;
    do {
      const page = await this.entries(instance, { most: SLOTS_AT_ONCE, from }, until);
      if (page.entries.length > 0 || page.unreadable > 0) return;
      from = page.next;
    } while (from !== undefined);
    const slots = await this.#step(lifeKey(instance), until, (standing): StepVerdict<number> => {
      const life = parseLife(standing);
      if (!this.#hasLapsed(life)) return { reply: -1 };
      return { reply: life?.slots ?? 0, write: standing === undefined ? undefined : 'remove' };
    });
    if (slots < 0) return;
    const keys = Array.from({ length: slots }, (_, nth) => slotKey(instance, nth));
    await Promise.all(keys.map((key) => this.#removeEmpty(key, until)));
    await this.#step(claimKey(instance), until, (standing) =>
      standing === undefined ? { reply: undefined } : { reply: undefined, write: 'remove' },
    );
    await this.#changeInstances(until, (all) => all.filter((one) => one !== instance));
  }

  /** What stands in some slots; undefined for what makes no sense. */
  async #notesIn(
    instance: string,
    from: number,
    end: number,
    until: number,
  ): Promise<readonly (Holdings | undefined)[]> {
    const keys = Array.from({ length: end - from }, (_, nth) => slotKey(instance, from + nth));
    const found = await this.#look(keys, until);
    const own = this.#allotments.get(instance);
    return found
      .filter((text) => text !== undefined && text !== '')
      .map((text) => parseNote(text!))
      .filter((note) => note === undefined || own?.hasLeft(printAddress(note.address)) !== true);
  }

  async #look(keys: readonly string[], until: number): Promise<readonly (string | undefined)[]> {
    const found = await this.#steps.read(keys, until);
    return found.map((seen) => this.#standing(seen?.text));
  }

  /** What is written down may be written again: a reply that stays lost is no more than no answer. */
  async #step<R>(
    key: string,
    until: number,
    judge: (standing: string | undefined) => StepVerdict<R>,
    options?: StepOptions,
  ): Promise<R> {
    try {
      return await this.#steps.step(key, until, (raw) => judge(this.#standing(raw)), options);
    } catch (error) {
      if (!(error instanceof CommitReplyLostError)) throw error;
      throw new StoreUnavailableError('The journal was not answered in time.', { cause: error });
    }
  }

  #standing(raw: string | undefined): string | undefined {
    const stood = parseExpiring(raw);
    return stood === undefined || stood.expiresAtMs <= this.#clock.time() ? undefined : stood.text;
  }

  #slotsOf(instance: string): SlotAllotment {
    let slots = this.#allotments.get(instance);
    if (slots === undefined) this.#allotments.set(instance, (slots = new SlotAllotment()));
    return slots;
  }

  /** Whoever recovers the instance has to know of a slot before anything stands in it. */
  async #announceSlots(instance: string, count: number, until: number): Promise<void> {
    await this.#step(lifeKey(instance), until, (standing) => {
      const { lapsesAtMs = 0, slots = 0 } = parseLife(standing) ?? {};
      if (slots >= count) return { reply: undefined };
      return { reply: undefined, write: stays(printLife({ lapsesAtMs, slots: count })) };
    });
  }

  #hasLapsed(life: Life | undefined): boolean {
    return life === undefined || life.lapsesAtMs <= this.#clock.time();
  }

  async #changeInstances(
    until: number,
    change: (all: readonly string[]) => readonly string[],
  ): Promise<void> {
    await this.#step(INSTANCES, until, (standing) => {
      const all = parseInstances(standing);
      const changed = change(all);
      return changed.length === all.length
        ? { reply: undefined }
        : { reply: undefined, write: stays(changed.join(' ')) };
    });
  }

  /** Of another instance, or of this one before it began anew: its notes are looked for. */
  async #strikeOut(instance: string, addresses: ReadonlySet<string>, until: number): Promise<void> {
    const [life] = await this.#look([lifeKey(instance)], until);
    const count = parseLife(life)?.slots ?? 0;
    const keys = Array.from({ length: count }, (_, nth) => slotKey(instance, nth));
    const found = keys.length === 0 ? [] : await this.#look(keys, until);
    const isLeft = (text: string | undefined): boolean => {
      const note = text === undefined ? undefined : parseNote(text);
      return note !== undefined && addresses.has(printAddress(note.address));
    };
    await Promise.all(
      keys
        .filter((_, nth) => isLeft(found[nth]))
        .map((key) =>
          this.#step(key, until, (standing) =>
            isLeft(standing) ? { reply: undefined, write: stays('') } : { reply: undefined },
          ),
        ),
    );
  }

  #tidyLater(instance: string, slots: SlotAllotment): void {
    if (slots.isTidying || !slots.isUntidy) return;
    slots.isTidying = true;
    this.#clock.schedule(
      TIDY_AFTER_MS,
      () => {
        slots.isTidying = false;
        const until = this.#clock.now() + TIDY_TIMEOUT_MS;
        for (const [slot, address] of slots.toTidy()) {
          const tidying = this.#step(slotKey(instance, slot), until, (standing) => {
            const note = standing === undefined ? undefined : parseNote(standing);
            // It was taken again meanwhile, and is its new owner's.
            const isStale = note !== undefined && !slots.holds(printAddress(note.address));
            return isStale ? { reply: undefined, write: stays('') } : { reply: undefined };
          });
          // A note that stays is found by the next round, or after the death of the instance.
          tidying.catch(() => slots.keepUntidy(slot, address));
        }
      },
      { background: true },
    );
  }

  async #removeEmpty(key: string, until: number): Promise<void> {
    await this.#step(key, until, (standing) =>
      standing === '' ? { reply: undefined, write: 'remove' } : { reply: undefined },
    );
  }
}

function lifeKey(instance: string): string {
  return `${START}:journal:${instance}`;
}

function slotKey(instance: string, slot: number): string {
  return `${START}:journal:${instance}:${slot}`;
}

function claimKey(instance: string): string {
  return `${START}:claim:${instance}`;
}

function stays(text: string): ExpiringText {
  return { text, expiresAtMs: Number.POSITIVE_INFINITY };
}

function parseInstances(text: string | undefined): readonly string[] {
  return text === undefined || text === '' ? [] : text.split(' ');
}

function printLife({ lapsesAtMs, slots }: Life): string {
  return `${lapsesAtMs} ${slots}`;
}

function parseLife(text: string | undefined): Life | undefined {
  const [lapsesAtMs, slots] = text?.split(' ').map(Number) ?? [];
  return lapsesAtMs === undefined || slots === undefined ? undefined : { lapsesAtMs, slots };
}

/** Undefined for what makes no sense. */
function parseNote(text: string): Holdings | undefined {
  const end = text.indexOf(' ');
  try {
    const keys: unknown = JSON.parse(text.slice(end + 1));
    const isList = Array.isArray(keys) && keys.every((key) => typeof key === 'string');
    return isList ? { address: parseAddress(text.slice(0, end)), keys } : undefined;
  } catch {
    return undefined;
  }
}
