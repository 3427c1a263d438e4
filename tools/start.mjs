// npm start: installs what is missing, builds, and runs the sample named on the command line.
import { pathToFileURL } from 'node:url';
import { compiledSample, compileLibrary, compileSamples } from './compile.mjs';
import { ensureDependencies } from './dependencies.mjs';
import { runTool } from './root.mjs';

await runTool(async () => {
  const [name = '01-shop'] = process.argv.slice(2);
  ensureDependencies();
  compileLibrary();
  compileSamples();
  process.setSourceMapsEnabled(true);
  await import(pathToFileURL(compiledSample(name)).href);
});
