import pg from 'pg';
import {
  ParticipantConflictError,
  ParticipantUnavailableError,
  ParticipantUsageError,
} from '../../lib/errors/index.js';
import { PgParticipant, postgresMigration } from '../../lib/pg/index.js';
import { describeMariaDb, describePostgres, describeRedis } from '../support/describe-server.js';
import type { Side } from '../support/money-client.js';
import { at, MoneyTrouble } from '../support/money-trouble.js';
import { errorOf } from '../support/outcome.js';
import { TestRuntime } from '../support/test-runtime.js';

describeRedis('trouble with a database', () => {
  describePostgres('PostgreSQL', () => {
    describeMariaDb('or MariaDB', () => {
      let trouble: MoneyTrouble;

      beforeAll(async () => {
        trouble = await MoneyTrouble.start();
      }, 60_000);

      afterAll(() => trouble.servers.stop());

      beforeEach(() => trouble.open());

      afterEach(() => trouble.close());

      describe('that has no connection to spare', () => {
        it.each(['pg', 'maria', 'maria-xa'] as const)(
          'is told by a typed error, and nothing is left: %s',
          async (side) => {
            await trouble.reopen({ connections: 1, acquireTimeoutMs: 300 });
            const { manager } = trouble.client.runtime;
            const holder = manager.begin({ timeoutMs: 4000 });
            await holder.run(() => trouble.client.post({ side, account: trouble.id, by: 5 }));

            expect(await errorOf(trouble.transfer('redis', side))).toBeInstanceOf(
              ParticipantUnavailableError,
            );
            expect(await trouble.balances()).toEqual([100, 100, 100]);
            await holder.commit();
            await trouble.transfer('redis', side);
            expect((await trouble.balances())[0]).toBe(101);
          },
        );
      });

      describe('in which transactions meet', () => {
        it.each(['pg', 'maria', 'maria-xa'] as const)(
          'has both of a deadlock commit, the loser at a further attempt: %s',
          async (side) => {
            const other = trouble.nextId();
            const arrived: (() => void)[] = [];
            let conflicts = 0;
            const both = async (first: string, second: string): Promise<void> => {
              let attempts = 0;
              await trouble.client.runtime.manager.run(
                async () => {
                  attempts++;
                  await trouble.client.post({ side, account: first, by: 1 });
                  if (attempts === 1) {
                    await new Promise<void>((resolve) => {
                      if (arrived.push(resolve) === 2) for (const go of arrived) go();
                    });
                  } else conflicts++;
                  await trouble.client.post({ side, account: second, by: 1 });
                },
                { timeoutMs: 8000, retry: { attempts: 20 } },
              );
            };
            await Promise.all([both(trouble.id, other), both(other, trouble.id)]);

            expect(conflicts).toBeGreaterThan(0);
            const nth = side === 'pg' ? 1 : 2;
            expect((await trouble.balances())[nth]).toBe(102);
          },
          20_000,
        );

        it('has both of a serialization failure commit', async () => {
          await trouble.reopen({ isolation: 'serializable' });
          const { manager } = trouble.client.runtime;
          const other = trouble.nextId();
          const pool = trouble.client.postgres.pool;
          let attempts = 0;
          const arrived: (() => void)[] = [];
          const skew = async (read: string, written: string): Promise<void> => {
            let mine = 0;
            await manager.run(
              async () => {
                attempts++;
                const { rows } = await pool.query('SELECT balance FROM account WHERE id = $1', [
                  read,
                ]);
                if (++mine === 1) {
                  await new Promise<void>((resolve) => {
                    if (arrived.push(resolve) === 2) for (const go of arrived) go();
                  });
                }
                await pool.query('UPDATE account SET balance = $2 WHERE id = $1', [
                  written,
                  Number(rows[0].balance) + 1,
                ]);
              },
              { timeoutMs: 8000, retry: { attempts: 20 } },
            );
          };
          await Promise.all([skew(trouble.id, other), skew(other, trouble.id)]);

          expect(attempts).toBeGreaterThan(2);
          const found = [
            await trouble.servers.balanceOf(trouble.id),
            await trouble.servers.balanceOf(other),
          ];
          expect(new Set(found.map((one) => one.pg))).toEqual(new Set([101, 102]));
        });

        it('tells of a conflict when no attempt is left', async () => {
          await trouble.reopen({ isolation: 'serializable' });
          const pool = trouble.client.postgres.pool;
          const { manager } = trouble.client.runtime;
          const call = manager.run(
            async () => {
              await pool.query('SELECT balance FROM account WHERE id = $1', [trouble.id]);
              await trouble.servers.postgres.query(
                `UPDATE account SET balance = 7 WHERE id = '${trouble.id}'`,
              );
              await pool.query('UPDATE account SET balance = 8 WHERE id = $1', [trouble.id]);
            },
            { timeoutMs: trouble.timeoutMs, retry: { attempts: 1 } },
          );

          const error = await errorOf(call);
          expect([error, error.cause].some((one) => one instanceof ParticipantConflictError)).toBe(
            true,
          );
          expect((await trouble.balances())[1]).toBe(7);
        });
      });

      describe('in statements that would end the transaction', () => {
        it.each([
          'CREATE TABLE more (id int)',
          'TRUNCATE receipt',
          'COMMIT',
          'ROLLBACK',
          'BEGIN; COMMIT',
        ])('refuses them, and nothing is written: %s', async (statement) => {
          const { manager } = trouble.client.runtime;
          for (const maria of trouble.client.mariadb) {
            const call = manager.run(
              async () => {
                await trouble.client.post({ side: maria.name as Side, account: trouble.id, by: 1 });
                await trouble.client.post({ side: 'redis', account: trouble.id, by: 1 });
                await maria.pool.query(statement);
              },
              { timeoutMs: trouble.timeoutMs },
            );
            expect(await errorOf(call)).toBeInstanceOf(ParticipantUsageError);
          }
          expect(await trouble.balances()).toEqual([100, 100, 100]);
        });

        it.each(['COMMIT', 'ROLLBACK', 'BEGIN; COMMIT', `PREPARE TRANSACTION 'x'`])(
          'refuses them in PostgreSQL: %s',
          async (statement) => {
            const call = trouble.client.runtime.manager.run(
              async () => {
                await trouble.client.post({ side: 'pg', account: trouble.id, by: 1 });
                await trouble.client.post({ side: 'redis', account: trouble.id, by: 1 });
                await trouble.client.postgres.pool.query(statement);
              },
              { timeoutMs: trouble.timeoutMs },
            );
            expect(await errorOf(call)).toBeInstanceOf(ParticipantUsageError);
            expect(await trouble.balances()).toEqual([100, 100, 100]);
          },
        );
      });

      it('whose clients recover under another role, or in another database, leaves what is not theirs', async () => {
        await trouble.servers.postgres.query('CREATE ROLE other LOGIN SUPERUSER');
        const elsewhere = await trouble.servers.postgres.createDatabase('elsewhere');
        await trouble.servers.postgres.query(postgresMigration(), 'elsewhere');
        await trouble.reopen({ recovers: false });
        let release = (): void => undefined;
        at(trouble.client.postgres, 'commit', (own) =>
          new Promise<void>((go) => (release = go)).then(own),
        );
        await trouble.transfer('redis', 'maria', 'pg');
        const prepared = (await trouble.servers.leftovers()).filter((text) =>
          text.startsWith('PostgreSQL'),
        );
        expect(prepared).toHaveLength(1);

        const addresses = [elsewhere, { ...trouble.servers.postgres.address(), user: 'other' }];
        for (const postgres of addresses) {
          const pool = new pg.Pool(postgres);
          const wrong = new PgParticipant({ name: 'pg', pool });
          const runtime = await TestRuntime.open({ redis: trouble.servers.redis.url }, [wrong]);
          const report = await runtime.recovery.recover();
          expect(report).toMatchObject({ finished: 0 });
          await runtime.close();
          await pool.end();
        }
        expect(await trouble.servers.leftovers()).toEqual(expect.arrayContaining(prepared));
        release();
        await trouble.nothingLeft();
        expect(await trouble.balances()).toEqual([101, 101, 101]);
      }, 20_000);
    });
  });
});
