import { unknownName } from './unknown-name.js';

const known = ['timeoutMs', 'retry', 'readOnly', 'isolation', 'name'];

describe('an unknown option', () => {
  it.each([
    ['timeout', 'timeoutMs'],
    ['timeoutMS', 'timeoutMs'],
    ['timoutMs', 'timeoutMs'],
    ['readonly', 'readOnly'],
    ['retrys', 'retry'],
    ['isolaton', 'isolation'],
    ['nmae', undefined],
    ['x', undefined],
    ['', undefined],
    ['cache', undefined],
  ])('%p is told %p as the nearest one', (given, nearest) => {
    const all = `${given} is no option; allowed is ${known.join(', ')}.`;

    expect(unknownName(given, known)).toBe(
      nearest === undefined ? all : `${all} Did you mean ${nearest}?`,
    );
  });
});
