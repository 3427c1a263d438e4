import { LibraryCopy } from '../support/library-copy.js';
import { chooseSeed } from '../support/seeded-random.js';
import { participantMutants } from './participant-mutants.js';

const seed = chooseSeed();

describe(`the suite of commits in which databases take part (DTX_SEED=${seed})`, () => {
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
      participants: true,
    });
    return (await report) as string;
  }

  it('passes on the library as it is', async () => {
    expect(await firstFailure(library, 4)).toBe('');
  }, 60_000);

  it.each(participantMutants)(
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
