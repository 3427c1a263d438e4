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
import { REFUSAL_CONTRACT } from './refusal-contract.js';
import { TWO_PHASE_CONTRACT } from './two-phase-contract.js';
import { WRITE_CONTRACT } from './write-contract.js';

/** What a test framework must offer: jest, vitest, mocha and `node:test` do. */
export interface TestFramework {
  readonly describe: (title: string, define: () => void) => unknown;
  readonly it: (title: string, run: () => Promise<void>) => unknown;
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
): void {
  const { describe, it } = framework;
  if (describe === undefined || it === undefined) {
    throw new TypeError(
      'describeVersionedStore needs describe and it: run it under a framework that has them as ' +
        "globals, or pass them, such as describeVersionedStore(name, create, { describe, it }) with node:test's.",
    );
  }
  describe(`${name} keeps the contract of a versioned store`, () => {
    for (const [group, cases] of Object.entries(CONTRACT)) {
      describe(group, () => {
        for (const { title, run } of cases) it(title, () => runCase(create, run));
      });
    }
  });
}

async function runCase(create: StoreFactory, run: ContractCase['run']): Promise<void> {
  const session = new ContractSession(await create(CONTRACT_LIFETIME));
  try {
    await run(session);
  } finally {
    await session.close();
  }
}
