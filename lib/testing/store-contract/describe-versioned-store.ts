import assert from 'node:assert/strict';
import { ABSENCE_CONTRACT } from './absence-contract.js';
import { CONCURRENCY_CONTRACT } from './concurrency-contract.js';
import {
  CONTRACT_LIFETIME,
  ContractSession,
  type ContractCase,
  type StoreFactory,
} from './contract-session.js';
import { INCREMENT_CONTRACT } from './increment-contract.js';
import { OUTCOME_CONTRACT } from './outcome-contract.js';
import { PENDING_CONTRACT } from './pending-contract.js';
import { READ_CONTRACT } from './read-contract.js';
import { RECORD_ALONE_CONTRACT } from './record-alone-contract.js';
import { REFUSAL_CONTRACT } from './refusal-contract.js';
import { TURN_CONTRACT } from './turn-contract.js';
import { TWO_PHASE_CONTRACT } from './two-phase-contract.js';
import { WRITE_CONTRACT } from './write-contract.js';

/** What a test framework must offer: jest, vitest, mocha and `node:test` do. */
export interface TestFramework {
  readonly describe: (title: string, define: () => void) => unknown;
  readonly it: (title: string, run: () => Promise<void>) => unknown;
}

export interface ContractOptions {
  /**
   * Whether one step covers a record and items beside it. Where none does, the sentences about such steps are
   * left out, and those about announced transactions take their place. @default true
   */
  readonly decidesBesideItems?: boolean;
  /** Whether it has a `turnKeeper`. @default false */
  readonly keepsTurns?: boolean;
}

const CONTRACT: Readonly<Record<string, readonly ContractCase[]>> = {
  'when it reads': READ_CONTRACT,
  'when it commits': WRITE_CONTRACT,
  'when it increments': INCREMENT_CONTRACT,
  'when it refuses': REFUSAL_CONTRACT,
  'when it commits in two phases': TWO_PHASE_CONTRACT,
  'when it tells absences apart': ABSENCE_CONTRACT,
  'when it knows outcomes': OUTCOME_CONTRACT,
  'when others have to find it': PENDING_CONTRACT,
  'under concurrency': CONCURRENCY_CONTRACT,
};

/**
 * Defines the tests that every `VersionedStore` must pass, whatever it stores in.
 *
 * @param create Called for each test; gives an open store, which may share its data with others.
 * @param framework `describe` and `it`, where they are not global.
 * @throws TypeError where there is no test framework.
 */
export function describeVersionedStore(
  name: string,
  create: StoreFactory,
  framework: Partial<TestFramework> = globalThis as Partial<TestFramework>,
  { decidesBesideItems = true, keepsTurns = false }: ContractOptions = {},
): void {
  const { describe, it } = framework;
  if (describe === undefined || it === undefined) {
    throw new TypeError(
      'describeVersionedStore needs describe and it: run it under a framework that has them as ' +
        "globals, or pass them, such as describeVersionedStore(name, create, { describe, it }) with node:test's.",
    );
  }
  const options = { decidesBesideItems, keepsTurns };
  describe(`${name} keeps the contract of a versioned store`, () => {
    for (const [group, cases] of contractFor(options)) {
      describe(group, () => {
        for (const { title, run } of cases) it(title, () => runCase(create, run, options));
      });
    }
  });
}

function contractFor({
  decidesBesideItems,
  keepsTurns,
}: Required<ContractOptions>): readonly (readonly [string, readonly ContractCase[]])[] {
  const groups: [string, readonly ContractCase[]][] = Object.entries(CONTRACT).map(
    ([group, cases]) => [
      group,
      cases.filter(({ oneStep }) => decidesBesideItems || oneStep !== true),
    ],
  );
  if (!decidesBesideItems) groups.push(['when its record alone decides', RECORD_ALONE_CONTRACT]);
  if (keepsTurns) groups.push(['when processes take turns', TURN_CONTRACT]);
  return groups;
}

async function runCase(
  create: StoreFactory,
  run: ContractCase['run'],
  { decidesBesideItems, keepsTurns }: Required<ContractOptions>,
): Promise<void> {
  const session = new ContractSession(await create(CONTRACT_LIFETIME));
  try {
    assert.equal(session.decidesBesideItems, decidesBesideItems, 'The store is of the other kind.');
    assert.equal(session.store.turnKeeper !== undefined, keepsTurns, 'See `keepsTurns`.');
    await run(session);
  } finally {
    await session.close();
  }
}
