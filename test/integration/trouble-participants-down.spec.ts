import {
  ParticipantUnavailableError,
  TransactionOutcomeUnknownError,
} from '../../lib/errors/index.js';
import { describeMariaDb, describePostgres, describeRedis } from '../support/describe-server.js';
import { at, MoneyTrouble, RECORD } from '../support/money-trouble.js';
import { errorOf } from '../support/outcome.js';

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

      describe('that goes away', () => {
        it.each(['pg', 'maria', 'maria-xa'] as const)(
          'before the first statement: nothing is written, %s',
          async (side) => {
            const server = side === 'pg' ? trouble.servers.postgres : trouble.servers.mariadb!;
            await server.kill();
            expect(await errorOf(trouble.transfer('redis', side))).toBeInstanceOf(
              ParticipantUnavailableError,
            );
            await server.restart();

            expect(await trouble.balances()).toEqual([100, 100, 100]);
            await trouble.transfer('redis', side);
            expect((await trouble.balances())[0]).toBe(101);
          },
          30_000,
        );

        it.each([
          ['maria-xa', 'pg'],
          ['pg', 'maria'],
        ] as const)(
          'when it is asked to prepare: nothing is written, %s',
          async (prepared, decider) => {
            const isPg = prepared === 'pg';
            const server = isPg ? trouble.servers.postgres : trouble.servers.mariadb!;
            at(
              isPg ? trouble.client.postgres : trouble.client.mariadb[0]!,
              'prepare',
              async (own) => {
                await server.kill();
                await own();
              },
            );
            expect(await errorOf(trouble.transfer('redis', prepared, decider))).toBeInstanceOf(
              ParticipantUnavailableError,
            );
            await server.restart();

            expect(await trouble.balances()).toEqual([100, 100, 100]);
            expect(await trouble.outcome()).toBe('rolled_back');
          },
          30_000,
        );

        it.each([
          ['pg', 'before'],
          ['pg', 'after'],
          ['maria', 'before'],
          ['maria', 'after'],
        ] as const)(
          'when it is asked to decide: the outcome is known when it is back, %s, %s it did',
          async (side, when) => {
            const server = side === 'pg' ? trouble.servers.postgres : trouble.servers.mariadb!;
            at(
              side === 'pg' ? trouble.client.postgres : trouble.client.mariadb[1]!,
              'decide',
              async (own) => {
                if (when === 'after') await own();
                await server.kill();
                if (when === 'before') await own();
                throw new Error('The answer was lost.');
              },
            );
            const error = await errorOf(trouble.transfer('redis', side));
            expect(error).toBeInstanceOf(TransactionOutcomeUnknownError);
            await server.restart();

            expect(await trouble.outcome()).toBe(when === 'after' ? 'committed' : 'rolled_back');
            await trouble.nothingLeft();
            const now = when === 'after' ? 101 : 100;
            const [redis, postgres, maria] = await trouble.balances();
            expect([redis, side === 'pg' ? postgres : maria]).toEqual([now, now]);
          },
          30_000,
        );

        it.each([
          ['maria-xa', 'pg'],
          ['pg', 'maria'],
        ] as const)(
          'after it has prepared: it is committed when it is back, %s',
          async (prepared, decider) => {
            const isPg = prepared === 'pg';
            const server = isPg ? trouble.servers.postgres : trouble.servers.mariadb!;
            at(
              isPg ? trouble.client.postgres : trouble.client.mariadb[0]!,
              'prepare',
              async (own) => {
                await own();
                await server.kill();
              },
            );
            await trouble.transfer('redis', prepared, decider);
            await server.restart();

            await trouble.nothingLeft();
            expect(await trouble.balances()).toEqual([101, 101, 101]);
            expect(await trouble.outcome()).toBe('committed');
          },
          30_000,
        );

        it.each([
          ['maria-xa', ['redis', 'maria-xa', 'pg']],
          ['maria-xa', ['redis', 'maria-xa']],
          ['pg', ['redis', 'maria', 'pg']],
        ] as const)(
          'for longer than outcomes are kept, and its process as well: it is committed when it is back, %s of %s',
          async (prepared, sides) => {
            await trouble.reopen({ record: RECORD, recovers: false });
            const isPg = prepared === 'pg';
            const server = isPg ? trouble.servers.postgres : trouble.servers.mariadb!;
            const { client } = trouble;
            at(isPg ? client.postgres : client.mariadb[0]!, 'prepare', async (own) => {
              await own();
              await server.kill();
            });
            await trouble.transfer(...sides);
            await client.close();
            await trouble.expiry();
            await server.restart();

            await trouble.reopen({ record: RECORD });
            await trouble.nothingLeft();
            const [redis, postgres, maria] = await trouble.balances();
            expect(redis).toBe(101);
            expect(isPg ? postgres : maria).toBe(101);
          },
          30_000,
        );
      });
    });
  });
});
