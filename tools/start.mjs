// npm start: installs what is missing, builds, and runs the sample named on the command line.
import { pathToFileURL } from 'node:url';
import { compiledSample, compileLibrary, compileSamples } from './compile.mjs';
import { ensureDependencies } from './dependencies.mjs';
import { runTool } from './root.mjs';
import { startPrivatePostgres } from './servers/private-postgres.mjs';
import { ensureServers, postgres } from './servers/servers.mjs';

const withPostgres = new Set(['04-shop-sql']);

/**
 * The one of PG_URL, else one of our own.
 * @throws when there is none.
 */
async function providePostgres() {
  if (process.env['PG_URL']) return;
  ensureServers([postgres]);
  if (postgres.find() === undefined) {
    throw new Error(
      'PostgreSQL is missing and could not be installed. Give one that runs: ' +
        'PG_URL=postgresql://user:password@localhost:5432/shop npm run start:sql',
    );
  }
  process.env['PG_URL'] = await startPrivatePostgres();
}

await runTool(async () => {
  const [name = '01-shop'] = process.argv.slice(2);
  ensureDependencies();
  compileLibrary();
  compileSamples();
  if (withPostgres.has(name)) await providePostgres();
  process.setSourceMapsEnabled(true);
  await import(pathToFileURL(compiledSample(name)).href);
});
