import { transformFile } from '@swc/core';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GuardedProcess, isAlive } from '../support/guarded-process.js';
import { poll } from '../support/poll.js';

const deadline = { deadlineMs: 5_000 };
const sources = ['guarded-process', 'child-processes', 'poll'];
const ownerSource = `
  import { GuardedProcess } from './guarded-process.js';
  const guarded = await GuardedProcess.start('sleep', ['60'], process.argv[2]);
  process.stdout.write(String(guarded.pid));
  setInterval(() => {}, 1_000);
`;

describe('GuardedProcess', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dtx-guarded-'));
    await mkdir(join(folder, 'work'));
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function spawnOwner(): Promise<ChildProcess> {
    await writeFile(join(folder, 'package.json'), '{"type": "module"}');
    for (const source of sources) {
      const path = fileURLToPath(new URL(`../support/${source}.ts`, import.meta.url));
      const { code } = await transformFile(path, { sourceMaps: false });
      await writeFile(join(folder, `${source}.js`), code);
    }
    await writeFile(join(folder, 'owner.mjs'), ownerSource);
    const args = [join(folder, 'owner.mjs'), join(folder, 'work')];
    return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  }

  it('dies with its owner, and takes its folder along, when the owner is killed', async () => {
    const owner = await spawnOwner();
    const [printed] = (await once(owner.stdout!, 'data')) as [Buffer];
    const pid = Number(printed.toString());
    expect(isAlive(pid)).toBe(true);

    owner.kill('SIGKILL');

    await poll(() => (isAlive(pid) ? undefined : true), { ...deadline, until: 'it is dead' });
    await poll(() => (existsSync(join(folder, 'work')) ? undefined : true), {
      ...deadline,
      until: 'its folder is gone',
    });
  });

  it('leaves the folder alone when it ends by itself', async () => {
    const guarded = await GuardedProcess.start('sleep', ['60'], join(folder, 'work'));

    await guarded.end('SIGTERM', 5_000);

    expect(guarded.hasExited).toBe(true);
    expect(existsSync(join(folder, 'work'))).toBe(true);
  });

  it('is killed at the deadline when it ignores a polite signal', async () => {
    const ignoring = ['-c', 'trap "" TERM; touch ready; while :; do sleep 0.05; done'];
    const guarded = await GuardedProcess.start('/bin/sh', ignoring, join(folder, 'work'));
    await poll(() => (existsSync(join(folder, 'work', 'ready')) ? true : undefined), {
      ...deadline,
      until: 'the trap is set',
    });

    await guarded.end('SIGTERM', 100);

    expect(isAlive(guarded.pid)).toBe(false);
  });

  it('rejects when the command does not exist', async () => {
    await expect(GuardedProcess.start('/no/such/command', [], folder)).rejects.toThrow('ENOENT');
  });
});
