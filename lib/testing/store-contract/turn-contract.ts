import assert from 'node:assert/strict';
import type { TurnKeeper, TurnReply } from '../../store/turn-keeper.js';
import type { ContractCase, ContractSession } from './contract-session.js';

const LEASE_MS = 30_000;
const SHORT_MS = 200;

/** Processes that ask for the turn of one store. */
class Asking {
  readonly #keeper: TurnKeeper;
  readonly #names = new Map<string, string>();
  readonly #session: ContractSession;

  constructor(session: ContractSession) {
    assert(session.store.turnKeeper !== undefined);
    this.#keeper = session.store.turnKeeper;
    this.#session = session;
  }

  take(process: string, leaseMs = LEASE_MS): Promise<TurnReply> {
    return this.#keeper.take(this.#request(process, leaseMs, leaseMs));
  }

  pass(process: string, isWanted = true, graceMs = LEASE_MS): Promise<'kept' | 'passed'> {
    return this.#keeper.pass(this.#request(process, LEASE_MS, graceMs), isWanted);
  }

  /** The turn is one for the whole store, and the next test finds it free. */
  async end(): Promise<void> {
    const names = [...this.#names.keys()];
    // Each passes it to the next one, if it has it.
    for (const process of names.flatMap(() => names)) await this.pass(process, false);
  }

  #request(process: string, leaseMs: number, graceMs: number) {
    const name = this.#names.get(process) ?? this.#session.address().id;
    this.#names.set(process, name);
    return { process: name, leaseMs, graceMs };
  }
}

function about(title: string, run: (asking: Asking, session: ContractSession) => Promise<void>) {
  return {
    title,
    run: async (session: ContractSession) => {
      const asking = new Asking(session);
      try {
        await run(asking, session);
      } finally {
        await asking.end();
      }
    },
  };
}

export const TURN_CONTRACT: readonly ContractCase[] = [
  about('gives it to one process at a time, in the order in which they asked', async (asking) => {
    assert.equal(await asking.take('one'), 'taken');
    assert.equal(await asking.take('two'), 'next');
    assert.equal(await asking.take('three'), 'waiting');
    assert.equal(await asking.take('two'), 'next');
    assert.equal(await asking.take('one'), 'taken');

    assert.equal(await asking.pass('one'), 'passed');
    assert.equal(await asking.take('three'), 'next');
    assert.equal(await asking.take('one'), 'waiting');
    assert.equal(await asking.take('two'), 'taken');
    assert.equal(await asking.pass('two'), 'passed');
    assert.equal(await asking.take('three'), 'taken');
    assert.equal(await asking.pass('three'), 'passed');
    assert.equal(await asking.take('one'), 'taken');
  }),
  about('lets a process keep it that wants it and is alone', async (asking) => {
    assert.equal(await asking.take('one'), 'taken');
    assert.equal(await asking.pass('one'), 'kept');
    assert.equal(await asking.take('two'), 'next');
    assert.equal(await asking.pass('one'), 'passed');
    assert.equal(await asking.take('two'), 'taken');
    assert.equal(await asking.pass('two', false), 'passed');
    assert.equal(await asking.take('three'), 'taken');
  }),
  about('does not pass it for one who does not have it', async (asking) => {
    assert.equal(await asking.pass('two'), 'passed');
    assert.equal(await asking.take('one'), 'taken');
    assert.equal(await asking.take('two'), 'next');
    assert.equal(await asking.pass('two', false), 'passed');
    assert.equal(await asking.take('two'), 'next');
    assert.equal(await asking.take('one'), 'taken');
  }),
  about('takes it from one who keeps it for too long', async (asking, session) => {
    assert.equal(await asking.take('one', SHORT_MS), 'taken');
    await session.passing(SHORT_MS, async () => (await asking.take('two')) === 'taken');
    assert.equal(await asking.pass('one'), 'passed');
    assert.equal(await asking.take('one'), 'next');
  }),
  about('lets others have what the next one does not take', async (asking, session) => {
    assert.equal(await asking.take('one'), 'taken');
    assert.equal(await asking.take('dead'), 'next');
    assert.equal(await asking.take('two'), 'waiting');
    assert.equal(await asking.pass('one', true, SHORT_MS), 'passed');
    await session.passing(SHORT_MS, async () => (await asking.take('two')) === 'taken');
  }),
];
