import { describeAnomalies } from '../support/history/index.js';
import { LibraryCopy } from '../support/library-copy.js';
import { countOf, faultsByKind, faultsMade, runListAppend } from '../support/list-append-run.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { describeRedis } from '../support/redis-server.js';
import { say, shareOf, soak, soakLimitMs } from '../support/soak.js';

const TRANSACTIONS = shareOf(100_800);
const ROUNDS = Math.ceil(TRANSACTIONS / 8400);

describeRedis('for long, list-append over all nodes of a cluster', () => {
  let cluster: RedisCluster;
  let library: LibraryCopy;

  beforeAll(async () => {
    library = LibraryCopy.create();
    cluster = await RedisCluster.start();
  }, 60_000);

  afterAll(async () => {
    library.remove();
    await cluster.stop();
  });

  it(
    `${TRANSACTIONS} transactions with faults of all kinds are strictly serializable`,
    async () => {
      await soak('soak list-append on a cluster', async (random) => {
        const size = { transactions: 2 * Math.ceil(TRANSACTIONS / ROUNDS / 2), processes: 2 };
        let transactions = 0;
        let committed = 0;
        const faults: Record<string, number> = {};
        for (let round = 0; round < ROUNDS; round += 1) {
          await Promise.all(cluster.nodes.map((node) => node.command('FLUSHALL')));
          const run = { library, servers: cluster.nodes, random, ...size, faults: 0.004 };
          const verdict = await runListAppend(run);
          expect(describeAnomalies(verdict.anomalies)).toBe('');
          expect(verdict.miscounted).toBe(0);
          expect(faultsMade(verdict)).toBeGreaterThan(size.transactions / 100);
          transactions += verdict.history.length;
          committed += countOf(verdict.history, 'ok');
          for (const [kind, count] of faultsByKind(verdict)) {
            faults[kind] = (faults[kind] ?? 0) + count;
          }
          say(`${transactions} transactions, ${committed} committed, ${JSON.stringify(faults)}`);
        }
        expect(transactions).toBeGreaterThanOrEqual(TRANSACTIONS);
        expect(committed).toBeGreaterThan(0.8 * transactions);
        expect(Object.values(faults)).not.toContain(0);
      });
    },
    soakLimitMs,
  );
});
