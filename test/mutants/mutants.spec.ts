import { LibraryCopy } from '../support/library-copy.js';
import { describeRedis, RedisServer } from '../support/redis-server.js';
import { chooseSeed } from '../support/seeded-random.js';
import { mutants, type Mutant } from './mutants.js';
import type { SuiteReport } from './suite.js';

const seed = chooseSeed() % 2 ** 31;

describeRedis(`the suite of the protocol (DTX_SEED=${seed})`, () => {
  let server: RedisServer;
  let library: LibraryCopy;

  beforeAll(async () => {
    library = LibraryCopy.create();
    server = await RedisServer.start();
  });

  afterAll(async () => {
    library.remove();
    await server.stop();
  });

  async function runSuite(copy: LibraryCopy): Promise<SuiteReport> {
    await server.command('FLUSHALL');
    const { report } = copy.start('test/mutants/suite.ts', { port: server.port, seed });
    return (await report) as SuiteReport;
  }

  /** What the suite found wrong; a mutant that cannot even start is no proof of anything. */
  async function failuresOf(mutant: Mutant): Promise<string[]> {
    const copy = library.withPatch(mutant);
    try {
      return Object.keys(await runSuite(copy));
    } finally {
      copy.remove();
    }
  }

  it('passes on the library as it is', async () => {
    expect(await runSuite(library)).toEqual({});
  }, 30_000);

  it.each(mutants)(
    'catches it when $title',
    async (mutant) => {
      const failures = await failuresOf(mutant);
      console.log(`${mutant.title}: caught by ${failures.join('; ') || 'nothing'}`);
      expect(failures).not.toEqual([]);
      expect(failures.filter((title) => title.endsWith(': opens'))).toEqual([]);
    },
    30_000,
  );
});
