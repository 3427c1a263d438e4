import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { poll } from '../support/poll.js';
import { describePostgres } from '../support/postgres-server.js';

const tool = new URL('../../tools/servers/private-postgres.mjs', import.meta.url);
const owner = `
  import { startPrivatePostgres } from ${JSON.stringify(tool.href)};
  process.stdout.write(await startPrivatePostgres());
  setInterval(() => {}, 1_000);
`;

describePostgres('startPrivatePostgres', () => {
  it('starts a server that asks for its password, and goes with its owner when that is killed', async () => {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', owner], {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    try {
      const [printed] = (await once(child.stdout, 'data')) as [Buffer];
      const url = new URL(printed.toString());
      const client = new pg.Client({ connectionString: url.href });
      client.on('error', () => undefined);
      await client.connect();
      const { rows } = await client.query('SHOW data_directory');
      const folder = String(rows[0].data_directory).split('/').at(-2);
      url.password = 'wrong';
      const stranger = new pg.Client({ connectionString: url.href });
      await expect(stranger.connect()).rejects.toThrow(/password authentication failed/);
      expect(readdirSync(tmpdir())).toContain(folder);

      child.kill('SIGKILL');

      const gone = () => (readdirSync(tmpdir()).includes(folder!) ? undefined : true);
      await poll(gone, { deadlineMs: 10_000, until: 'the folder of the server is gone' });
      url.password = '';
      await expect(new pg.Client({ connectionString: url.href }).connect()).rejects.toThrow(
        /REFUSED/,
      );
    } finally {
      child.kill('SIGKILL');
      await exited;
    }
  });
});
