import { SeededRandom, withSeed } from '../../test/support/seeded-random.js';
import { InvariantViolationError } from '../errors/index.js';
import { hasBranches, isKept, parseRecord, printMembers, printPending } from './stored-record.js';
import type { PendingTransaction, RecordedBranch } from './versioned-store.js';

const PAYLOADS = [
  undefined,
  null,
  0,
  '',
  '"',
  '|',
  '"branches":[',
  '\u2028',
  '😀',
  [],
  {},
] as const;
const address = { id: 'id', home: '0', deadlineAtMs: 9 };
const redo = [{ key: 'a', held: '7.w*id@0@9', change: { kind: 'delete' } as const }];

function branchOf(random: SeededRandom): RecordedBranch {
  const payload = random.pick(PAYLOADS);
  return {
    participant: random.pick(['orders', 'a.b_c-d']),
    number: random.integer(99),
    payload: random.chance(0.5) ? payload : { branches: [payload ?? null] },
  };
}

function pendingOf(random: SeededRandom): PendingTransaction {
  return {
    address,
    record: random.pick(['', '"name":"pay"', '"name":"\\"branches\\":["', '"name":"|pending@x|"']),
    decider: random.pick([undefined, 'orders']),
    branches: Array.from({ length: random.integer(4) }, () => branchOf(random)),
    redo: random.pick([undefined, [], redo]),
  };
}

describe('the text of a record', () => {
  it('tells what was announced, and what becomes of it when it is decided', async () => {
    await withSeed('round trips of records', (random) => {
      for (let nth = 0; nth < 3000; nth++) {
        const pending = pendingOf(random);
        const text = printPending(pending);
        const { decider, branches } = pending;
        const told = { redo: pending.redo ?? [], branches };

        expect(parseRecord(text)).toEqual({ status: 'pending', decider, ...told });
        expect(hasBranches(text)).toBe(branches.length > 0);
        for (const status of ['committed', 'rolled_back']) {
          const decided = `${status}|${text.slice(text.indexOf('|') + 1)}`;
          expect(parseRecord(decided)).toEqual({ status, decider: undefined, ...told });
        }
      }
    });
  });

  it('has a layout that other releases read', () => {
    const branches = [
      { participant: 'orders', number: 1, payload: undefined },
      { participant: 'stock', number: 2, payload: { xid: 'a' } },
    ];
    const members = '"name":"pay","branches":[["orders",1],["stock",2,{"xid":"a"}]]';
    const pending = { address, record: '"name":"pay"', branches, decider: undefined };

    expect(printPending({ ...pending, redo: undefined })).toBe(`pending|{${members}}`);
    expect(printPending({ ...pending, decider: 'orders', redo })).toBe(
      `pending@orders|{${members},"redo":[["a","7.w*id@0@9","d"]]}`,
    );
  });

  it('has neither branches nor a redo where there are none', () => {
    expect(printMembers({ record: '"name":"pay"' })).toBe('"name":"pay"');
    expect(printMembers({ record: '"name":"pay"', branches: [] })).toBe('"name":"pay"');
    expect(isKept({})).toBe(false);
    expect(isKept({ branches: [] })).toBe(false);
    expect(isKept({ redo: [] })).toBe(true);
    expect(isKept({ branches: [{ participant: 'a', number: 1, payload: 0 }] })).toBe(true);
  });

  it('is none where it does not begin with a status', () => {
    for (const text of ['', 'committed', 'pendin|{}', 'pending@|{}', '1.w|1|{}', 'xcommitted|{}']) {
      expect(parseRecord(text)).toBeUndefined();
    }
  });

  it('is refused where its branches cannot be read', () => {
    for (const json of [
      '{"branches":[7]}',
      '{"branches":[["a"]]}',
      '{"branches":[',
      '{"branches":[7],"redo":7}',
    ]) {
      expect(() => parseRecord(`pending|${json}`)).toThrow(InvariantViolationError);
    }
  });
});
