import { InvariantViolationError } from '../../errors/index.js';
import { parseCommitReply } from './commit-message.js';

describe('a reply of the commit script', () => {
  it.each([
    ['committed', { status: 'committed', commitCounts: new Map() }],
    ['committed 0:1', { status: 'committed', commitCounts: new Map([[0, 1]]) }],
    [
      'committed 2:17 10:1',
      {
        status: 'committed',
        commitCounts: new Map([
          [2, 17],
          [10, 1],
        ]),
      },
    ],
    ['conflict 0 0', { status: 'conflict', index: 0, found: '0' }],
    ['conflict 12 3.writer-1', { status: 'conflict', index: 12, found: '3.writer-1' }],
    ['locked 1 3.writer', { status: 'locked', index: 1, found: '3.writer' }],
    [
      'bound 3 1 -9007199254740991',
      { status: 'bound', index: 3, increment: 1, value: -9007199254740991 },
    ],
    ['absent 4', { status: 'absent', index: 4 }],
    ['counters 0', { status: 'counters', index: 0 }],
    ['foreign 999', { status: 'foreign', index: 999 }],
    ['rolled_back', { status: 'rolled_back' }],
    ['deadline 1700000000000', { status: 'deadline', nodeTimeMs: 1_700_000_000_000 }],
    ['failed OOM command not allowed', { status: 'failed', message: 'OOM command not allowed' }],
  ])('is read from %j', (text, reply) => {
    expect(parseCommitReply(text)).toEqual(reply);
  });

  it.each([null, undefined, '', 'Committed', 'committedly', 'ok', 7, {}])(
    'is refused when it is %p, which no script gives',
    (text) => {
      expect(() => parseCommitReply(text)).toThrow(InvariantViolationError);
    },
  );

  it('says so when a transaction was written in part', () => {
    expect(() => parseCommitReply('torn ERR something')).toThrow(/written in part/);
  });

  it('is cut in the error, however long it is', () => {
    expect(() => parseCommitReply('x'.repeat(10_000))).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/^.{1,400}$/) as string }) as Error,
    );
  });
});
