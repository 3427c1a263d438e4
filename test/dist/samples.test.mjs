// The samples as they are run: compiled, as processes of their own, on the embedded store.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, openSync, closeSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { compiledSample, compileLibrary, compileSamples } from '../../tools/compile.mjs';
import { startPrivatePostgres } from '../../tools/servers/private-postgres.mjs';
import { missingMark, postgres } from '../../tools/servers/servers.mjs';

/** How long a process may take before it is given up. */
const DEADLINE_MS = 60_000;

describe('the samples', () => {
  /** @type {string} */
  let folder;

  before(() => {
    compileLibrary();
    compileSamples();
    folder = mkdtempSync(join(tmpdir(), 'dtx-samples-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /**
   * Writes to a file: with a pipe or a terminal, the output alone could keep a process alive that has
   * lost everything else to wait for.
   * @param {string} name
   * @param {NodeJS.ProcessEnv} env
   */
  function start(name, env = {}) {
    const file = join(folder, `${name}.txt`);
    const output = openSync(file, 'w');
    const environment = { PATH: process.env['PATH'], ...env };
    const child = spawn(process.execPath, [compiledSample(name)], {
      env: environment,
      stdio: ['ignore', output, output],
      timeout: DEADLINE_MS,
    });
    closeSync(output);
    /** @type {Promise<number | null>} */
    const ended = new Promise((resolve) => child.once('exit', resolve));
    return { child, ended, output: () => readFileSync(file, 'utf8') };
  }

  for (const name of ['02-bank', '03-social']) {
    it(`${name} tells its story to the end`, async () => {
      const sample = start(name);
      assert.equal(await sample.ended, 0, sample.output());
    });
  }

  it(
    '04-shop-sql sells exactly what it has, with its orders in PostgreSQL, and ends when it is asked to',
    { skip: postgres.find() === undefined && missingMark(postgres) },
    async () => {
      const shop = start('04-shop-sql', { PORT: '0', PG_URL: await startPrivatePostgres() });
      try {
        const url = await lineOf(shop, /https?:\/\/127\.0\.0\.1:\d+/);
        assert.match(shop.output(), /0 \+ 50 = 50 {2}rows in PostgreSQL/);
        assert.match(shop.output(), / exact: /);
        assert.equal((await fetch(`${url}/health`)).status, 200);
      } finally {
        shop.child.kill('SIGINT');
      }
      assert.equal(await shop.ended, 0, shop.output());
    },
  );

  it('01-shop sells exactly what it has, answers, and ends when it is asked to', async () => {
    const shop = start('01-shop', { PORT: '0' });
    try {
      const url = await lineOf(shop, /https?:\/\/127\.0\.0\.1:\d+/);
      assert.match(shop.output(), /\b50\b[^]*\b150\b/);
      assert.equal((await fetch(`${url}/health`)).status, 200);
      assert.match(await (await fetch(url)).text(), /<!doctype html>/i);
    } finally {
      shop.child.kill('SIGINT');
    }
    assert.equal(await shop.ended, 0, shop.output());
  });
});

/**
 * @param {{ output: () => string, ended: Promise<number | null> }} sample
 * @param {RegExp} pattern
 * @returns {Promise<string>}
 */
async function lineOf(sample, pattern) {
  const deadline = performance.now() + DEADLINE_MS;
  while (performance.now() < deadline) {
    const [found] = pattern.exec(sample.output()) ?? [];
    if (found !== undefined) return found;
    const ended = await Promise.race([
      sample.ended.then(() => true),
      new Promise((resolve) => setImmediate(resolve, false)),
    ]);
    if (ended) break;
  }
  throw new assert.AssertionError({ message: `There is no ${pattern} in: ${sample.output()}` });
}
