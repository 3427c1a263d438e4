// npm run build: lib/ to dist/. With --samples also sample/ to build/sample/.
import { compileLibrary, compileSamples } from './compile.mjs';
import { ensureDependencies } from './dependencies.mjs';
import { runTool } from './root.mjs';

await runTool(() => {
  ensureDependencies();
  compileLibrary();
  if (process.argv.includes('--samples')) compileSamples();
});
