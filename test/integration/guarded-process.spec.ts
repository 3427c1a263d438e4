import { transformFile } from '@swc/core';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { childrenOf, isGone } from '../support/child-processes.js';
import { GuardedProcess, isAlive } from '../support/guarded-process.js';
import { poll } from '../support/poll.js';

const deadline = { deadlineMs: 5_000 };
const sources = ['guarded-process', 'child-processes', 'poll'];
const ownerSource = `
  import { childrenOf } from './child-processes.js';
  import { GuardedProcess } from './guarded-process.js';
  import { poll } from './poll.js';
  const script = ['-c', 'sleep 60 & wait'];
  const guarded = await GuardedProcess.start('/bin/sh', script, process.argv[2]);
  const until = 'it has a child';
  const child = await poll(() => childrenOf(guarded.pid)[0], { deadlineMs: 5_000, until });
  if (process.argv[3] === 'paused') guarded.signalWithChildren('SIGSTOP');
  process.stdout.write(guarded.pid + ' ' + child);
  setInterval(() => {}, 1_000);
`;

describe('GuardedProcess', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dtx-guarded-'));
    await mkdir(join(folder, 'work'));
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function spawnOwner(state: 'paused' | 'running'): Promise<ChildProcess> {
    await writeFile(join(folder, 'package.json'), '{"type": "module"}');
    for (const source of sources) {
      const path = fileURLToPath(new URL(`../support/${source}.ts`, import.meta.url));
      const { code } = await transformFile(path, { sourceMaps: false });
      await writeFile(join(folder, `${source}.js`), code);
    }
    await writeFile(join(folder, 'owner.mjs'), ownerSource);
    const args = [join(folder, 'owner.mjs'), join(folder, 'work'), state];
    return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  }

  it.each(['running', 'paused'] as const)(
    'dies with its owner, and takes its children and its folder along, when that is killed (%s)',
    async (state) => {
      const owner = await spawnOwner(state);
      const [printed] = (await once(owner.stdout!, 'data')) as [Buffer];
      const pids = printed.toString().split(' ').map(Number);
      expect(pids).toHaveLength(2);
      expect(pids.some(isGone)).toBe(false);

      owner.kill('SIGKILL');

      await poll(() => (pids.every(isGone) ? true : undefined), {
        ...deadline,
        until: 'both are dead',
      });
      await poll(() => (existsSync(join(folder, 'work')) ? undefined : true), {
        ...deadline,
        until: 'its folder is gone',
      });
    },
  );

  it('crashes together with its children', async () => {
    const script = ['-c', 'sleep 60 & sleep 60 & wait'];
    const guarded = await GuardedProcess.start('/bin/sh', script, join(folder, 'work'));
    const children = await poll(
      () => {
        const pids = childrenOf(guarded.pid);
        return pids.length === 2 ? pids : undefined;
      },
      { ...deadline, until: 'it has two children' },
    );

    await guarded.crash(5_000);

    expect(isAlive(guarded.pid)).toBe(false);
    expect(children.every(isGone)).toBe(true);
  });

  it('runs as the account it is given, and leaves what it prints in a file', async () => {
    const log = join(folder, 'log');
    const account = { uid: process.getuid!(), gid: process.getgid!() };
    const script = ['-c', 'id -u; id -g >&2'];
    const guarded = await GuardedProcess.start('/bin/sh', script, folder, { account, log });

    await poll(() => (guarded.hasExited ? true : undefined), { ...deadline, until: 'it ended' });

    expect(await readFile(log, 'utf8')).toBe(`${account.uid}\n${account.gid}\n`);
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
