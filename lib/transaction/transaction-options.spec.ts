import { TransactionOptionsError } from '../errors/index.js';
import {
  refuseContradictions,
  resolveOptions,
  validateOptions,
  type TransactionDefaults,
  type TransactionOptions,
} from './transaction-options.js';

class UserError extends Error {}
class OtherError extends Error {}

const cyclic: Record<string, unknown> = {};
cyclic['self'] = cyclic;

/** Options as somebody without a compiler may give them. */
function given(options: unknown): TransactionOptions {
  return options as TransactionOptions;
}

describe('the options of a transaction', () => {
  it.each([
    [{}],
    [{ propagation: 'NESTED', isolation: 'read-committed', readOnly: true, timeoutMs: 1 }],
    [{ timeoutMs: 60_000, retry: { attempts: 1, backoffMs: 0, maxBackoffMs: 0 }, name: 'a' }],
    [{ rollbackFor: [UserError], noRollbackFor: () => true }],
    [{ rollbackFor: [] }],
    [{ timeoutMs: undefined, retry: undefined, name: undefined }],
  ])('may be %j', (options) => {
    expect(() => validateOptions(given(options), 60_000)).not.toThrow();
  });

  it.each([
    ['an object', null],
    ['an object', 'REQUIRED'],
    ['propogation', { propogation: 'REQUIRED' }],
    ['propagation', { propagation: 'required' }],
    ['isolation', { isolation: 'snapshot' }],
    ['readOnly', { readOnly: 'yes' }],
    ['timeoutMs', { timeoutMs: 0 }],
    ['timeoutMs', { timeoutMs: -5 }],
    ['timeoutMs', { timeoutMs: 1.5 }],
    ['timeoutMs', { timeoutMs: Number.NaN }],
    ['timeoutMs', { timeoutMs: Number.POSITIVE_INFINITY }],
    ['timeoutMs', { timeoutMs: 60_001 }],
    ['timeoutMs', { timeoutMs: '5000' }],
    ['timeoutMs', { timeoutMs: null }],
    ['timeoutMs', { timeoutMs: 5n }],
    ['timeoutMs', { timeoutMs: cyclic }],
    ['retry', { retry: 3 }],
    ['retry', { retry: null }],
    ['retry.attempts', { retry: { attempts: 0 } }],
    ['retry.attempts', { retry: { attempts: 1001 } }],
    ['retry.backoffMs', { retry: { backoffMs: -1 } }],
    ['retry.maxBackoffMs', { retry: { maxBackoffMs: 60_001 } }],
    ['retry.tries', { retry: { tries: 3 } }],
    ['rollbackFor', { rollbackFor: UserError.name }],
    ['rollbackFor', { rollbackFor: [UserError, 'OtherError'] }],
    ['noRollbackFor', { noRollbackFor: {} }],
    ['name', { name: 7 }],
  ])('are refused by the name of %s', (option, options) => {
    const validate = (): void => validateOptions(given(options), 60_000);

    expect(validate).toThrow(TransactionOptionsError);
    expect(validate).toThrow(option);
  });

  it('say what was given and what is allowed', () => {
    expect(() => validateOptions({ timeoutMs: 0 }, 60_000)).toThrow(
      'timeoutMs is 0; allowed is a whole number from 1 to 60000.',
    );
    expect(() => validateOptions(given({ isolation: 'none' }), 1)).toThrow(
      "isolation is 'none'; allowed is one of 'read-committed', 'serializable'.",
    );
  });

  it('come from the call, else from the defaults of the application, else are built in', () => {
    const defaults: TransactionDefaults = { timeoutMs: 100, retry: { attempts: 3 } };

    expect(resolveOptions({ retry: { backoffMs: 7 } }, defaults)).toMatchObject({
      propagation: 'REQUIRED',
      isolation: 'serializable',
      readOnly: false,
      timeoutMs: 100,
      retry: { attempts: 3, backoffMs: 7, maxBackoffMs: 128 },
    });
  });

  it('that are undefined are as if they were not given', () => {
    const retry = { attempts: undefined, backoffMs: undefined, maxBackoffMs: undefined };
    const defaults = { timeoutMs: undefined, retry: { attempts: 3, backoffMs: undefined } };

    expect(resolveOptions({ timeoutMs: undefined, retry }, defaults)).toMatchObject({
      timeoutMs: 5000,
      retry: { attempts: 3, backoffMs: 1, maxBackoffMs: 128 },
    });
  });

  it.each([
    ['every error without a filter', {}, [true, true]],
    ['only those of rollbackFor', { rollbackFor: [UserError] }, [true, false]],
    ['none for an empty rollbackFor', { rollbackFor: [] }, [false, false]],
    ['all but those of noRollbackFor', { noRollbackFor: [UserError] }, [false, true]],
    [
      'not those of both lists',
      { rollbackFor: [Error], noRollbackFor: [UserError] },
      [false, true],
    ],
    [
      'what a function says',
      { rollbackFor: (error: unknown) => error instanceof OtherError },
      [false, true],
    ],
  ])('roll back for %s', (_, options, expected) => {
    const { rollsBackFor } = resolveOptions(options, {});

    expect([rollsBackFor(new UserError()), rollsBackFor(new OtherError())]).toEqual(expected);
  });
});

describe('options that join a running transaction', () => {
  it.each<readonly [string, TransactionOptions, TransactionOptions, boolean]>([
    ['none', {}, { readOnly: true, isolation: 'read-committed', timeoutMs: 5 }, true],
    ['the same isolation', { isolation: 'serializable' }, {}, true],
    ['weaker isolation', { isolation: 'read-committed' }, {}, true],
    ['stronger isolation', { isolation: 'serializable' }, { isolation: 'read-committed' }, false],
    ['readOnly inside a writing one', { readOnly: true }, {}, true],
    ['writing inside a read-only one', { readOnly: false }, { readOnly: true }, false],
    ['readOnly inside a read-only one', { readOnly: true }, { readOnly: true }, true],
    ['a shorter time-out', { timeoutMs: 10 }, { timeoutMs: 20 }, true],
    ['the same time-out', { timeoutMs: 20 }, { timeoutMs: 20 }, true],
    ['a longer time-out', { timeoutMs: 21 }, { timeoutMs: 20 }, false],
    ['a retry of its own', { retry: { attempts: 2 } }, { retry: { attempts: 2 } }, false],
    ['an empty retry', { retry: {} }, {}, false],
    ['its own name and filters', { name: 'n', rollbackFor: [] }, {}, true],
  ])('with %s: %j in %j may join: %p', (_, inner, outer, joins) => {
    let refusal: unknown;
    try {
      refuseContradictions(inner, resolveOptions(outer, {}));
    } catch (error) {
      refusal = error;
    }

    expect(refusal instanceof TransactionOptionsError).toBe(!joins);
  });
});
