import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CrashPoint } from '../support/crash-point.js';
import { LibraryCopy } from '../support/library-copy.js';
import { MoneyClient, type Side } from '../support/money-client.js';
import { MoneyServers } from '../support/money-servers.js';
import { describeMariaDb, describePostgres, describeRedis } from '../support/describe-server.js';
import { nothingLeft } from '../support/nothing-left.js';
import type { DatabaseStepsConfig } from '../workers/database-steps.js';

const TIMEOUT_MS = 1500;
/** Processes that run beside each other. */
const AT_ONCE = 3;

interface Scenario {
  readonly title: string;
  readonly sides: readonly Side[];
  readonly vetoedBy?: Side;
}

interface Crash extends Scenario {
  readonly id: string;
  readonly point: CrashPoint;
}

/** Every server lost or won the same. */
type Fate = 'everything' | 'nothing' | 'a part';

function nameOf({ point }: Crash): string {
  return `${point.when} ${point.call}`;
}

function wrongIn(crash: Crash, fate: Fate, told: string | undefined): string[] {
  if (fate === 'a part') return [`${nameOf(crash)}: a part of it is there`];
  const mayBe = crash.vetoedBy === undefined ? told : (told ?? 'refused');
  if (mayBe === undefined || (mayBe === 'committed') === (fate === 'everything')) return [];
  return [`${nameOf(crash)}: told ${told}, and ${fate} is there`];
}

function define(withMariaDb: boolean, scenarios: readonly Scenario[]): void {
  const accounts = Array.from({ length: 500 }, (_, nth) => `a${nth}`);
  let servers: MoneyServers;
  let library: LibraryCopy;
  let used = 0;

  beforeAll(async () => {
    library = LibraryCopy.create();
    servers = await MoneyServers.start({ accounts, balance: 100, withMariaDb });
    await servers.addDecoys();
  }, 60_000);

  afterAll(async () => {
    library.remove();
    await servers.stop();
  });

  /** A process that makes one transfer of its own accounts. */
  function work(id: string, { sides, vetoedBy }: Scenario, crashAt?: CrashPoint) {
    const config: DatabaseStepsConfig = {
      ...servers.config,
      isolation: 'read-committed',
      id,
      postings: sides.map((side) => ({ side, account: id, by: 1 })),
      ...(vetoedBy ? { vetoedBy } : {}),
      timeoutMs: TIMEOUT_MS,
      ...(crashAt ? { crashAt } : {}),
      told: join(library.dir, `told-${id}`),
    };
    return library.start('test/workers/database-steps.ts', config);
  }

  function toldOf(id: string): string | undefined {
    const path = join(library.dir, `told-${id}`);
    return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  }

  /** The process that died; on a machine that is too busy the time of its transaction may be over before. */
  async function crash(scenario: Scenario, point: CrashPoint): Promise<Crash | string> {
    let id = '';
    for (let attempt = 1; attempt <= 3; attempt++) {
      id = accounts[used++]!;
      const { child, report } = work(id, scenario, point);
      await report.catch(() => undefined);
      if (child.signalCode === 'SIGKILL') return { ...scenario, id, point };
    }
    return `${point.when} ${point.call} was not reached, ${toldOf(id)}`;
  }

  async function fateOf({ id, sides }: Crash): Promise<Fate> {
    const [balance, receipts] = await Promise.all([servers.balanceOf(id), servers.receipts()]);
    const moved = sides.map((side) => {
      const where = side === 'maria-xa' ? 'maria' : side;
      const isPosted = balance[where] !== 100;
      return isPosted === receipts[where].has(id) ? isPosted : undefined;
    });
    if (moved.every((one) => one === true)) return 'everything';
    return moved.every((one) => one === false) ? 'nothing' : 'a part';
  }

  /** What is wrong with the ends of these processes, which died in the order in which a commit would. */
  async function judge(crashes: readonly Crash[]): Promise<string[]> {
    const broken: string[] = [];
    let isDecided = false;
    for (const one of crashes) {
      const fate = await fateOf(one);
      broken.push(...wrongIn(one, fate, toldOf(one.id)));
      // What follows a statement may have been sent as well.
      if (one.point.when === 'sent') continue;
      if (isDecided && fate === 'nothing') broken.push(`${nameOf(one)}: later than the decision`);
      isDecided ||= fate === 'everything';
    }
    if (!isDecided && crashes[0]?.vetoedBy === undefined) broken.push('Nothing was ever decided.');
    return broken;
  }

  it.each(scenarios.map((scenario) => [scenario.title, scenario] as const))(
    'leaves everything or nothing, and no trace: %s',
    async (_, scenario) => {
      const measured = accounts[used++]!;
      const points = (await work(measured, scenario).report) as CrashPoint[];
      expect(toldOf(measured)).toBe(scenario.vetoedBy ? 'ParticipantRefusedError' : 'committed');
      const ends = new Map<CrashPoint, Crash | string>();
      const waiting = [...points];
      const next = async (): Promise<void> => {
        for (let point = waiting.shift(); point; point = waiting.shift())
          ends.set(point, await crash(scenario, point));
      };
      await Promise.all(Array.from({ length: AT_ONCE }, next));
      const client = await MoneyClient.open(servers.config);
      try {
        await nothingLeft(servers, client, TIMEOUT_MS + 5000);
      } finally {
        await client.close();
      }

      const inOrder = points.map((point) => ends.get(point)!);
      const broken = inOrder.filter((end) => typeof end === 'string');
      const crashes = inOrder.filter((end) => typeof end !== 'string');
      expect([...broken, ...(await judge(crashes))]).toEqual([]);
      expect(await servers.decoys()).toEqual({ postgres: 3, mariadb: withMariaDb ? 2 : 0 });
    },
    120_000,
  );
}

describeRedis('a process that is killed at any step of a commit', () => {
  describePostgres('of Redis and PostgreSQL', () => {
    define(false, [
      { title: 'PostgreSQL decides', sides: ['redis', 'pg'] },
      { title: 'PostgreSQL refuses', sides: ['redis', 'pg'], vetoedBy: 'pg' },
      { title: 'PostgreSQL alone', sides: ['pg'] },
    ]);

    describeMariaDb('and MariaDB', () => {
      define(true, [
        { title: 'PostgreSQL decides, XA is prepared', sides: ['redis', 'maria-xa', 'pg'] },
        {
          title: 'PostgreSQL refuses, XA is prepared',
          sides: ['redis', 'maria-xa', 'pg'],
          vetoedBy: 'pg',
        },
        { title: 'MariaDB decides', sides: ['redis', 'maria'] },
        { title: 'MariaDB decides, PostgreSQL is prepared', sides: ['redis', 'maria', 'pg'] },
        { title: 'Redis decides, XA is prepared', sides: ['redis', 'maria-xa'] },
      ]);
    });
  });
});
