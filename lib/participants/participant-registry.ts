import { ModuleOptionsError } from '../errors/index.js';
import type { Participant } from './participant.js';

const NAME = /^[\w.-]{1,40}$/;

/** The participants of an application, by name. */
export class ParticipantRegistry {
  readonly #participants = new Map<string, Participant>();

  get size(): number {
    return this.#participants.size;
  }

  /** @throws ModuleOptionsError for a name that is wrong, or taken. */
  add(participant: Participant): void {
    const { name, capabilities } = participant;
    if (typeof name !== 'string' || !NAME.test(name)) {
      throw new ModuleOptionsError(
        `The name of a participant is ${JSON.stringify(name)}; allowed are 1 to 40 letters, digits, '.', '_' and '-'.`,
      );
    }
    const known = this.#participants.get(name);
    if (known !== undefined && known !== participant) {
      throw new ModuleOptionsError(
        `Two participants are named ${name}. Records name participants, so each needs a name of its own.`,
      );
    }
    if (!capabilities.decides && !capabilities.prepares) {
      throw new ModuleOptionsError(`Participant ${name} neither decides nor prepares.`);
    }
    this.#participants.set(name, participant);
  }

  get(name: string): Participant | undefined {
    return this.#participants.get(name);
  }

  [Symbol.iterator](): IterableIterator<Participant> {
    return this.#participants.values();
  }
}
