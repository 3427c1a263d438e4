import { LibraryCopy } from '../support/library-copy.js';
import { chooseSeed } from '../support/seeded-random.js';
import { twoPhaseMutants } from './two-phase-mutants.js';

const seed = chooseSeed();

describe(`the suite of commits over several nodes (DTX_SEED=${seed})`, () => {
  let library: LibraryCopy;

  beforeAll(() => {
    library = LibraryCopy.create();
  });

  afterAll(() => {
    library.remove();
  });

  async function firstFailure(copy: LibraryCopy, simulations: number): Promise<string> {
    const { report } = copy.start('test/mutants/two-phase-suite.ts', {
      seed,
      simulations,
      participants: false,
    });
    return (await report) as string;
  }

  it('passes on the library as it is', async () => {
    expect(await firstFailure(library, 4)).toBe('');
  }, 60_000);

  it.each(twoPhaseMutants)(
    'catches it when $title',
    async (mutant) => {
      const copy = library.withPatch(mutant);
      try {
        const failure = await firstFailure(copy, 40);
        console.log(`${mutant.title}: ${failure || 'nothing'}`);
        expect(failure).not.toBe('');
      } finally {
        copy.remove();
      }
    },
    120_000,
  );
});
