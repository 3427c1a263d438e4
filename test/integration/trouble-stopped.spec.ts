import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeMariaDb, describePostgres, describeRedis } from '../support/describe-server.js';
import { LibraryCopy } from '../support/library-copy.js';
import type { Side } from '../support/money-client.js';
import { MoneyTrouble, RECORD } from '../support/money-trouble.js';
import { poll } from '../support/poll.js';
import type { DatabaseStepsConfig } from '../workers/database-steps.js';

const deadlineMs = 10_000;

describeRedis('a process that is stopped in the middle of a commit over Redis', () => {
  describePostgres('PostgreSQL', () => {
    describeMariaDb('and MariaDB', () => {
      let trouble: MoneyTrouble;
      let library: LibraryCopy;

      beforeAll(async () => {
        library = LibraryCopy.create();
        trouble = await MoneyTrouble.start();
      }, 60_000);

      afterAll(async () => {
        library.remove();
        await trouble.servers.stop();
      });

      beforeEach(() => trouble.open({ record: RECORD }));

      afterEach(() => trouble.close());

      /** A process of its own, stopped for longer than its outcome is kept. */
      async function stopped(call: string, sides: readonly Side[]) {
        const { id, servers, timeoutMs } = trouble;
        const config: DatabaseStepsConfig = {
          ...servers.config,
          isolation: 'read-committed',
          record: RECORD,
          id,
          postings: sides.map((side) => ({ side, account: id, by: 1 })),
          timeoutMs,
          crashAt: { call, when: 'after', signal: 'SIGSTOP' },
          told: join(library.dir, `told-${id}`),
        };
        const worker = library.start('test/workers/database-steps.ts', config);
        const until = 'the process is stopped';
        const isStopped = (): true | undefined =>
          stateOf(worker.child.pid!) === 'T' ? true : undefined;
        await poll(isStopped, { deadlineMs, until });
        const over = performance.now() + timeoutMs + RECORD.marginMs + RECORD.retentionMs + 500;
        const isOver = (): true | undefined => (performance.now() > over ? true : undefined);
        await poll(isOver, { deadlineMs, until: 'records expire' });
        return worker;
      }

      it.each([
        ['pg.decide#1', ['redis', 'maria-xa', 'pg']],
        ['maria.decide#1', ['redis', 'maria', 'pg']],
        ['store.commitOnePhase#1', ['redis', 'maria-xa']],
      ] as const)(
        'after it was decided, for longer than outcomes are kept, and killed then: it is committed, %s',
        async (call, sides) => {
          const { child, report } = await stopped(call, sides);
          child.kill('SIGKILL');
          await report.catch(() => undefined);

          await trouble.nothingLeft();
          const [redis, postgres, maria] = await trouble.balances();
          const isIn = (side: string): number => (sides.some((one) => one === side) ? 101 : 100);
          expect([redis, postgres, maria]).toEqual([101, isIn('pg'), 101]);
        },
        30_000,
      );

      it.each([
        ['maria-xa.prepare#1', ['redis', 'maria-xa', 'pg']],
        ['store.announce#1', ['redis', 'maria', 'pg']],
        ['pg.prepare#1', ['redis', 'maria', 'pg']],
      ] as const)(
        'before it was decided, and goes on after its deadline: it is rolled back, %s',
        async (call, sides) => {
          const { child, report } = await stopped(call, sides);
          child.kill('SIGCONT');
          await report;

          await trouble.nothingLeft();
          expect(await trouble.balances()).toEqual([100, 100, 100]);
        },
        30_000,
      );
    });
  });
});

/** As `ps` says it: T is stopped. */
function stateOf(pid: number): string | undefined {
  return /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1];
}
