import type { Participant } from '../../participants/participant.js';
import type { Transaction } from '../../transaction/transaction.js';
import type { TestFramework } from '../store-contract/describe-versioned-store.js';
import { CONTRACT, type ParticipantCase } from './participant-cases.js';
import { ParticipantSession } from './participant-session.js';

/** A participant, and what a test has to know of the resource behind it. */
export interface ParticipantFixture {
  readonly participant: Participant;
  /** The same resource as another process has it, that has nothing to do with the first one. */
  readonly other: Participant;
  /** Some work, the same each time, in this transaction, which is the current one: enlists the participant. */
  work(transaction: Transaction): Promise<void>;
  /** How often that work stands in the resource, for everybody to see. */
  count(): Promise<number>;
  close(): Promise<void> | void;
}

/** Called for each test, with a resource in which no work stands yet. */
export type ParticipantFactory = () => Promise<ParticipantFixture> | ParticipantFixture;

/**
 * Defines the tests that every `Participant` must pass, as far as its capabilities reach.
 *
 * @param framework `describe` and `it`, where they are not global.
 * @throws TypeError where there is no test framework.
 */
export function describeParticipant(
  name: string,
  capabilities: Participant['capabilities'],
  create: ParticipantFactory,
  framework: Partial<TestFramework> = globalThis as Partial<TestFramework>,
): void {
  const { describe, it } = framework;
  if (describe === undefined || it === undefined) {
    throw new TypeError(
      'describeParticipant needs describe and it: run it under a framework that has them as globals, or pass them.',
    );
  }
  describe(`${name} keeps the contract of a participant`, () => {
    for (const one of CONTRACT) {
      if (one.needs === undefined || capabilities[one.needs]) {
        it(one.title, () => runCase(create, capabilities, one));
      }
    }
  });
}

async function runCase(
  create: ParticipantFactory,
  capabilities: Participant['capabilities'],
  { run }: ParticipantCase,
): Promise<void> {
  const fixture = await create();
  const session = new ParticipantSession(fixture);
  try {
    await session.open(capabilities);
    await run(session);
  } finally {
    await session.close();
  }
}
