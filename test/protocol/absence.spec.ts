import { ABSENCE_STATES, runAbsenceScenario } from '../support/absence-scenario.js';

describe('an item that is absent, is there, and is absent again', () => {
  it.each([
    ['reads only', false],
    ['writes too', true],
  ])(
    'is no absence that stayed, to a transaction over several nodes that %s',
    async (_, writes) => {
      expect(await runAbsenceScenario(writes)).toEqual({
        attempts: 2,
        seen: ABSENCE_STATES.at(-1),
      });
    },
  );
});
