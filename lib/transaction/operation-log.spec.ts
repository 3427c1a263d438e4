import type { StoredItem } from '../store/stored-item.js';
import type { ItemChange } from '../store/versioned-store.js';
import { OperationLog, Savepoint } from './operation-log.js';
import type { ItemReference } from './operation.js';

function reference(key: string): ItemReference {
  return { node: 'default/node', key, entity: 'thing', id: key, counters: ['n'] };
}

function stored(version: string, payload = 'seen', counters = '5'): StoredItem {
  return { kind: 'item', version, lock: undefined, counters, payload };
}

function write(payload: string): ItemChange {
  return { kind: 'write', counters: '1', payload, ttlMs: undefined };
}

const [a, b, c] = [reference('a'), reference('b'), reference('c')];

function payloadOf(log: OperationLog, of: ItemReference): string | undefined {
  const change = log.stateOf(of)?.change;
  return change?.kind === 'write' ? change.payload : change?.kind;
}

describe('an operation log', () => {
  it('knows nothing of an item that was not touched', () => {
    expect(new OperationLog().stateOf(a)).toBeUndefined();
  });

  it('reads an item once: what was seen first stays (L1)', () => {
    const log = new OperationLog();
    log.recordRead(a, stored('1.x', 'first'), 1);
    log.recordRead(a, stored('2.y', 'second'), 2);

    expect(log.stateOf(a)?.seen).toMatchObject({ version: '1.x', payload: 'first' });
    expect(log.operations('me')).toHaveLength(1);
  });

  it('keeps an absence that was seen (L1)', () => {
    const log = new OperationLog();
    log.recordRead(a, undefined, 1);
    log.recordRead(a, stored('1.x'), 2);

    expect(log.stateOf(a)?.seen).toBeNull();
  });

  it('keeps which absence was seen, and tells its user of an absence like any other', () => {
    const log = new OperationLog();
    log.recordRead(a, stored('0.deleter', ''), 1);
    log.recordChange(a, write('new'));
    log.recordChange(b, write('new'), undefined, { version: '0', reason: 'insert' });

    expect(log.stateOf(a)?.seen).toBeNull();
    expect(log.operations('me').map(({ version }) => version)).toEqual(['0', '1.me', '1.me']);
    expect(log.commitItems(true).map(({ expected }) => expected)).toEqual(['0.deleter', '0.*']);
  });

  it('tells items of the same key in two stores apart', () => {
    const log = new OperationLog();
    log.recordRead(a, stored('1.x'), 1);
    log.recordRead(reference('@other/a'), undefined, 1);

    expect(log.stateOf(a)?.seen).toMatchObject({ version: '1.x' });
    expect(log.stateOf(reference('@other/a'))?.seen).toBeNull();
    expect(log.itemCount).toBe(2);
  });

  it('lists its operations as frozen tuples of node, item, value and version, in order', () => {
    const log = new OperationLog();
    log.recordRead(a, stored('4.x', 'old'), 1);
    log.recordRead(b, undefined, 1);
    log.recordChange(a, write('new'));
    log.recordChange(b, write('made'));
    log.recordChange(c, write('blind'));
    const step = { index: 0, by: -2, min: 0, max: undefined };
    log.recordChange(reference('d'), { kind: 'increment', increments: [step], ttlMs: undefined });
    log.recordChange(a, { kind: 'delete' });

    const node = 'default/node';
    const operations = log.operations('me');
    expect(operations).toEqual([
      { kind: 'read', node, item: 'a', value: 'old', version: '4.x' },
      { kind: 'read', node, item: 'b', value: undefined, version: '0' },
      { kind: 'write', node, item: 'a', value: 'new', version: '5.me' },
      { kind: 'write', node, item: 'b', value: 'made', version: '1.me' },
      { kind: 'write', node, item: 'c', value: 'blind', version: undefined },
      { kind: 'increment', node, item: 'd', value: '0:-2', version: undefined },
      { kind: 'delete', node, item: 'a', value: undefined, version: '5.me' },
    ]);
    expect(operations.every((operation) => Object.isFrozen(operation))).toBe(true);
  });

  it('gives the version that an expectation names to a write without a read', () => {
    const log = new OperationLog();
    log.recordChange(a, write('x'), undefined, { version: '0', reason: 'insert' });

    expect(log.operations('me')[0]?.version).toBe('1.me');
  });
});

describe('the items of a commit', () => {
  it('carry the version that was seen, for absent items too', () => {
    const log = new OperationLog();
    log.recordRead(a, stored('4.x'), 1);
    log.recordRead(b, undefined, 1);
    log.recordChange(b, write('made'));

    const items = log
      .commitItems(true)
      .map(({ key, expected, change }) => [key, expected, change?.kind]);

    expect(items).toEqual([
      ['a', '4.x', undefined],
      ['b', '0', 'write'],
    ]);
  });

  it('put what was seen before what was not, so that stale reads are reported first', () => {
    const log = new OperationLog();
    log.recordChange(a, write('blind'));
    log.recordRead(b, stored('1.x'), 1);
    log.recordChange(c, write('inserted'), undefined, { version: '0', reason: 'insert' });

    expect(log.commitItems(true).map(({ key }) => key)).toEqual(['b', 'a', 'c']);
  });

  it('leave out reads that nobody validates, but for those for update', () => {
    const log = new OperationLog();
    log.recordRead(a, stored('1.x'), 1);
    log.recordRead(b, stored('1.x'), 1).forUpdate = true;
    log.recordRead(c, stored('1.x'), 1);
    log.recordChange(c, write('new'));

    expect(log.commitItems(false).map(({ key }) => key)).toEqual(['b', 'c']);
    expect(log.commitItems(true).map(({ key }) => key)).toEqual(['a', 'b', 'c']);
  });

  it('turn increments of an item that was read into a write of the sum', () => {
    const log = new OperationLog();
    const increments = [{ index: 0, by: 3, min: undefined, max: undefined }];
    log.recordChange(a, { kind: 'increment', increments, ttlMs: 9 });
    log.recordRead(a, stored('4.x', 'kept', '5'), 1);

    expect(log.commitItems(true)).toMatchObject([
      { expected: '4.x', change: { kind: 'write', counters: '8', payload: 'kept', ttlMs: 9 } },
    ]);
  });

  it('were read at once only if every read had the same moment', () => {
    const atOnce = (...moments: (number | undefined)[]): boolean => {
      const log = new OperationLog();
      moments.forEach((moment, nth) => log.recordRead(reference(String(nth)), undefined, moment));
      return log.readAtOnce;
    };

    expect([atOnce(), atOnce(1), atOnce(1, 1)]).toEqual([true, true, true]);
    expect([atOnce(1, 2), atOnce(undefined), atOnce(1, undefined)]).toEqual([false, false, false]);
  });
});

describe('rolling back to a savepoint', () => {
  it('drops the writes made since and keeps every read (L2)', () => {
    const log = new OperationLog();
    const savepoint = new Savepoint(undefined);
    log.recordChange(a, write('before'));
    log.recordChange(a, write('inside'), savepoint);
    log.recordRead(b, stored('3.x'), 1);
    log.recordChange(b, write('inside'), savepoint);
    log.recordChange(c, write('inside'), savepoint);

    log.rollBackTo(savepoint);

    expect([payloadOf(log, a), payloadOf(log, b), payloadOf(log, c)]).toEqual([
      'before',
      undefined,
      undefined,
    ]);
    expect(log.commitItems(true).map(({ key, expected }) => [key, expected])).toEqual([
      ['b', '3.x'],
      ['a', undefined],
    ]);
    expect(log.operations('me').map(({ kind, item }) => [kind, item])).toEqual([
      ['write', 'a'],
      ['read', 'b'],
    ]);
  });

  it('drops what savepoints inside of it have written, and keeps what those around it have', () => {
    const log = new OperationLog();
    const outer = new Savepoint(undefined);
    const inner = new Savepoint(outer);
    log.recordChange(a, write('outer'), outer);
    log.recordChange(a, write('inner'), inner);
    log.recordChange(b, write('inner'), inner);

    log.rollBackTo(inner);
    expect([payloadOf(log, a), payloadOf(log, b)]).toEqual(['outer', undefined]);

    log.recordChange(b, write('again'), new Savepoint(outer));
    log.rollBackTo(outer);
    expect([payloadOf(log, a), payloadOf(log, b)]).toEqual([undefined, undefined]);
  });

  it('keeps what a parallel savepoint has written, before and after', () => {
    const log = new OperationLog();
    const [one, other] = [new Savepoint(undefined), new Savepoint(undefined)];
    log.recordChange(a, write('one'), one);
    log.recordChange(a, write('other'), other);
    log.recordChange(b, write('other'), other);
    log.recordChange(b, write('one'), one);

    log.rollBackTo(one);

    expect([payloadOf(log, a), payloadOf(log, b)]).toEqual(['other', 'other']);
  });

  it('takes back its own increments, and keeps those beside it', () => {
    const log = new OperationLog();
    const savepoints = [new Savepoint(undefined), new Savepoint(undefined), undefined];
    savepoints.forEach((savepoint, by) => {
      const increments = [{ index: 0, by, min: undefined, max: undefined }];
      log.recordChange(a, { kind: 'increment', increments, ttlMs: undefined }, savepoint);
    });
    const added = () => {
      const change = log.stateOf(a)?.change;
      return change?.kind === 'increment' ? change.increments.map(({ by }) => by) : change;
    };
    expect(added()).toEqual([0, 1, 2]);

    log.rollBackTo(savepoints[1]!);
    expect(added()).toEqual([0, 2]);
    log.rollBackTo(savepoints[0]!);
    expect(added()).toEqual([2]);
    expect(log.operations('me').map(({ value }) => value)).toEqual(['0:2']);
  });

  it('closes the savepoint and those inside of it, and no other', () => {
    const outer = new Savepoint(undefined);
    const [inner, beside] = [new Savepoint(outer), new Savepoint(undefined)];
    outer.markRolledBack();

    const closed = [outer, inner, beside].map(({ isRolledBack }) => isRolledBack);
    expect(closed).toEqual([true, true, false]);
  });

  it('brings back the expectation that stood before', () => {
    const log = new OperationLog();
    const savepoint = new Savepoint(undefined);
    log.recordChange(a, write('x'), undefined, { version: '2.x', reason: 'expected-version' });
    log.recordChange(a, write('y'), savepoint, { version: '3.y', reason: 'expected-version' });
    log.recordChange(b, write('y'), savepoint, { version: '0', reason: 'insert' });

    log.rollBackTo(savepoint);
    log.recordChange(b, write('z'));

    const items = log.commitItems(true).map(({ key, expected }) => [key, expected]);
    expect(items).toEqual([
      ['a', '2.x'],
      ['b', undefined],
    ]);
  });
});
