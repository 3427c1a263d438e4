import { TransactionNotAllowedError, TransactionRequiredError } from '../errors/index.js';
import { decidePropagation, Propagation, type PropagationStep } from './propagation.js';

const GRID: Record<Propagation, readonly [PropagationStep | Error, PropagationStep | Error]> = {
  REQUIRED: ['begin', 'join'],
  REQUIRES_NEW: ['begin', 'begin'],
  SUPPORTS: ['direct', 'join'],
  MANDATORY: [new TransactionRequiredError(''), 'join'],
  NOT_SUPPORTED: ['direct', 'suspend'],
  NEVER: ['direct', new TransactionNotAllowedError('')],
  NESTED: ['begin', 'savepoint'],
};

function outcome(mode: Propagation, running: boolean): string {
  try {
    return decidePropagation(mode, running);
  } catch (error) {
    return (error as Error).name;
  }
}

describe.each([
  ['without a running transaction', false, 0],
  ['inside a running transaction', true, 1],
] as const)('propagation %s', (_, running, column) => {
  it.each(Object.values(Propagation))('%s does what it does in Spring', (mode) => {
    const expected = GRID[mode][column];

    expect(outcome(mode, running)).toBe(expected instanceof Error ? expected.name : expected);
  });
});
