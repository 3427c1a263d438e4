import * as api from '../index.js';
import { DistributedTxError, ERROR_CODES, type ErrorCategory } from './index.js';

type ErrorClass = new (...args: never[]) => DistributedTxError;

const conflict = { item: 'k', versionSeen: '1.a', versionFound: '2.b', winner: 'b' };
const bound = { entity: 'e', id: 'i', field: 'f', value: 1, by: -2, min: 0, max: undefined };
const ARGUMENTS: Readonly<Record<string, readonly unknown[]>> = {
  CounterBoundError: [bound],
  EntityAlreadyExistsError: ['e', 'i'],
  EntityNotFoundError: ['e', ['i']],
  ForeignDataError: ['key'],
  LimitExceededError: ['items', 1, 2],
  TransactionConflictError: [conflict],
  TransactionManagerMissingError: ['Service', 'method'],
  TransactionalReturnTypeError: ['Service.method()', 1],
  TransactionTimeoutError: [5],
  VersionMismatchError: ['e', 'i', '1.a', '2.b'],
};

const classes = Object.entries<unknown>({ ...api }).filter(
  (entry): entry is [string, ErrorClass] =>
    typeof entry[1] === 'function' && entry[1].prototype instanceof DistributedTxError,
);

/** Their whole message is their own, and nothing has caused them. */
const WITHOUT_CAUSE = ['StreamUnsubscribedError'];

const CATEGORY_OF_DIGIT: Readonly<Record<string, readonly ErrorCategory[]>> = {
  '1': ['user'],
  '2': ['conflict'],
  '3': ['internal'],
  '4': ['outcome-unknown'],
};

describe('the catalogue of errors', () => {
  it('has each code once', () => {
    const codes = Object.values(ERROR_CODES);

    expect(new Set(codes).size).toBe(codes.length);
    expect(codes.filter((code) => !/^DTX-[1-4]\d{3}$/.test(code))).toEqual([]);
  });

  it('has one exported class for each code', () => {
    const used = classes.map(([name, Class]) => make(name, Class).code);

    expect(used.toSorted()).toEqual(Object.values(ERROR_CODES).toSorted());
  });

  it.each(classes)('%s has its own name, a code, a category and an advice', (name, Class) => {
    const error = make(name, Class);

    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe(name);
    expect(Class.name).toBe(name);
    expect(Object.values(ERROR_CODES)).toContain(error.code);
    expect(CATEGORY_OF_DIGIT[error.code[4]!]).toContain(error.category);
    expect(error.message.length).toBeGreaterThan(3);
    expect(String(error)).toContain(name);
  });

  it.each(classes.filter(([name]) => !(name in ARGUMENTS) && !WITHOUT_CAUSE.includes(name)))(
    '%s keeps the error that caused it',
    (_, Class) => {
      const cause = new Error('the cause');
      const error = new (Class as unknown as new (...args: unknown[]) => Error)('text', { cause });

      expect(error.cause).toBe(cause);
    },
  );

  it('cuts long keys, and prints unreadable ones readably', () => {
    const { message } = new api.ForeignDataError(`\0\u001b${'x'.repeat(5000)}`);

    expect(message.length).toBeLessThan(500);
    // oxlint-disable-next-line no-control-regex -- that none is there is the point
    expect(message).not.toMatch(/[\0-\u001f]/);
  });
});

function make(name: string, Class: ErrorClass): DistributedTxError {
  const args = ARGUMENTS[name] ?? ['text'];
  return new (Class as unknown as new (...args: readonly unknown[]) => DistributedTxError)(...args);
}
