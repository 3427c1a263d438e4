import { explore, type Exploration } from './explore.js';
import { modelOf } from './program.js';
import { CASES, LARGE_CASE, VARIANTS, type Case } from './programs.js';
import { AS_CODED, without, type Rules } from './rules.js';

/** So many states of each program are looked at, at most. With these, all of CASES are complete. */
const MOST_STATES = Number(process.env['DTX_MODEL_STATES'] ?? 250_000);
const cases = MOST_STATES < 3_100_000 ? CASES : [...CASES, LARGE_CASE];

function run(one: Case, rules: Rules): Exploration {
  return explore(modelOf(one, rules, one.faults), MOST_STATES);
}

function shown(title: string, { states, complete, ends, violation }: Exploration): string {
  const extent = complete ? 'all of them' : 'not all of them';
  if (violation === undefined) return `${title}: ${states} states, ${extent}, ${ends} ends`;
  const steps = violation.trace.map((step, nth) => `  ${nth + 1}. ${step}`).join('\n');
  return `${title}: ${violation.reason} (${states} states)\n${steps}`;
}

describe('the model of the commit protocol', () => {
  describe('as the code does it', () => {
    let states = 0;

    afterAll(() => console.log(`${states} states of ${cases.length} programs`));

    it.each(cases)(
      'has no history that is not strictly serializable, whole and told as it is: $title',
      (one) => {
        const exploration = run(one, AS_CODED);
        console.log(shown(one.title, exploration));
        states += exploration.states;
        expect(exploration).toMatchObject({ complete: true, violation: undefined });
        // A model in which nothing can be committed would keep every promise.
        expect(exploration.allCommitted).toBeGreaterThan(0);
      },
      300_000,
    );
  });

  it.each(VARIANTS)('is wrong when $title', (variant) => {
    const exploration = run(variant, without(variant.rule));
    console.log(shown(variant.title, exploration));
    expect(exploration.violation?.trace.length).toBeGreaterThan(0);
  });

  it.each(VARIANTS)('is right where it is wrong when $title', (variant) => {
    const exploration = run(variant, AS_CODED);
    expect(exploration).toMatchObject({ complete: true, violation: undefined });
  });
});
