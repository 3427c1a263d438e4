import type { Mutant } from './mutants.js';

const twoPhase = 'lib/commit/two-phase.ts';
const coordinator = 'lib/commit/coordinator.ts';
const finishing = 'lib/commit/finishing-work.ts';
const itemLocks = 'lib/commit/item-locks.ts';
const locks = 'lib/store/judge/judge-locks.ts';
const embedded = 'lib/store/embedded/embedded-store.ts';

/**
 * The wrong variants of protocol.md that only a commit over several nodes can have. Two more are caught
 * elsewhere, since they need three transactions or a clock that steps back: a value under a marked lock
 * that is not validated (lock-settler.spec.ts), and a lock that goes past its deadline unrecorded.
 */
export const twoPhaseMutants: readonly Mutant[] = [
  {
    title: 'reads elsewhere are validated before every lock stands',
    file: twoPhase,
    find: '(await this.#prepare()) ?? (await this.#validate())',
    replace: '(await this.#validate()) ?? (await this.#prepare())',
  },
  {
    title: 'reads elsewhere are not validated',
    file: twoPhase,
    find: '(await this.#prepare()) ?? (await this.#validate())',
    replace: 'await this.#prepare()',
  },
  {
    title: 'locks are overlooked when reads are validated',
    file: coordinator,
    find: 'isLocked(stood[nth]) || versionFound(stood[nth]) !== item.expected,',
    replace: 'versionFound(stood[nth]) !== item.expected,',
  },
  {
    title: 'the shortcut is taken although something elsewhere is only read',
    file: twoPhase,
    find: 'const isShortcut = readElsewhere.items.length === 0;',
    replace: 'const isShortcut = true;',
  },
  {
    title: 'locks go before the roll back is recorded',
    file: finishing,
    find: 'const decision = await finisher.decide(store, address, until);',
    replace:
      'await finisher.finishWhole(store, { address, keys, record: undefined }, until); const decision = await finisher.decide(store, address, until);',
  },
  {
    title: 'a roll back is not recorded',
    file: finishing,
    find: 'const decision = await finisher.decide(store, address, until);',
    replace: 'const decision = { record: await store.record(address, until) };',
  },
  {
    title: 'a lock of the transaction is applied at any version',
    file: locks,
    find: 'if (headOf(stood) === held) {',
    replace: 'if (lockOf(stood, address) !== undefined) {',
  },
  {
    title: 'a repeated decision is reported as a roll back',
    file: embedded,
    find: "if (record?.startsWith('committed')) return { status: 'committed', commitCounts: new Map() };",
    replace: "if (record?.startsWith('committed')) return { status: 'rolled_back' };",
  },
  {
    title: 'a decision overlooks that it was rolled back',
    file: embedded,
    find: "if (record?.startsWith('rolled_back')) return { status: 'rolled_back' };",
    replace: '',
  },
  {
    title: 'what is locked is not noted in the journal',
    file: twoPhase,
    find: '[this.#enter(), ...locking]',
    replace: 'locking',
  },
  {
    title: 'items are locked at whatever version',
    file: locks,
    find: 'refusalOf(item, index, stood) ??',
    replace: '',
  },
  {
    title: 'a committed transaction is not applied elsewhere',
    file: twoPhase,
    find: 'if (!this.#isSettling) await this.#finish();',
    replace: '',
  },
  {
    title: 'what was held before is not held against what was seen',
    file: coordinator,
    find: 'const refusal = request.locks?.refusalOf(request.items);',
    replace: 'const refusal = undefined;',
  },
  {
    title: 'a commit validates what it only read elsewhere although it holds items already',
    file: twoPhase,
    find: 'this.#parts = partsOf(items, home, locks !== undefined);',
    replace: 'this.#parts = partsOf(items, home);',
  },
  {
    title: 'what was held before and not changed stays locked',
    file: twoPhase,
    find: 'unchanged: locks === undefined ? [] : unchangedIn(items, this.#keys),',
    replace: '',
  },
  {
    title: 'the journal forgets what was held before the commit',
    file: twoPhase,
    find: 'return this.#heldBefore.length === 0 ? locked : [...new Set([...this.#heldBefore, ...locked])];',
    replace: 'return locked;',
  },
  {
    title: 'items held before the work are not noted in the journal',
    file: itemLocks,
    find: 'const entering = journal.enter(store, { address, keys: [...this.#keys] }, until);',
    replace: 'const entering = Promise.resolve(journal);',
  },
  {
    title: 'one absence is like any other',
    file: embedded,
    find: 'return tellsAbsences ? tombstoneMsOf(this.#lifetime) : undefined;',
    replace: 'return undefined;',
  },
];
