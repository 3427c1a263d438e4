import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { giveToServers } from './server-account.js';

/** Makes a data directory at the path it is given. */
export type Initialize = (data: string) => Promise<unknown>;

/**
 * Puts a new data directory at `data`. To make one takes seconds, so that a run of the tests makes
 * each kind once, in the folder of the run, and copies it after that.
 */
export async function provideData(data: string, kind: string, make: Initialize): Promise<void> {
  const runFolder = process.env['DTX_TEST_FOLDER'];
  if (runFolder === undefined) {
    await make(data);
    return;
  }
  const template = join(runFolder, `${kind}-data`);
  if (!existsSync(template)) await makeTemplate(template, make);
  await promisify(execFile)('cp', ['-a', template, data]);
}

/** Several processes may do so at once: the first one that is ready wins. */
async function makeTemplate(template: string, make: Initialize): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'dtx-template-'));
  try {
    await giveToServers(dir);
    await make(join(dir, 'data'));
    await rename(join(dir, 'data'), template).catch((error: unknown) => {
      if (!existsSync(template)) throw error;
    });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
